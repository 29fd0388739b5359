"""The commands in definitions are ones that muvr takes, and mean what the description says."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from string import Template
from typing import Any

import pytest

from actors.metronome_launcher import MetronomeSettings
from cli.main import parser_of
from cli.metronome import metronome_settings
from marathon.metronome import definition
from marathon.render.group import apps_of, render
from marathon.validation import validate_job
from persistence.location import sqlite_directory
from tests.marathon.deployments import production

TASK = {"HOST": "10.0.0.7", "PORT0": "31001", "PORT1": "31002", "MESOS_SANDBOX": "/sandbox"}


def parsed(words: list[str]) -> argparse.Namespace:
    assert words[0] == "muvr"
    return parser_of(words[1]).parse_args(words[1:])


def node_command() -> tuple[str, str]:
    """What prepares it, and the command itself, as a task's shell has it."""
    command = apps_of(render(production()).group)["/muvr/node"]["cmd"]
    before, _, after = command.partition(" && ")
    return before, Template(after.removeprefix("exec ")).substitute(TASK)


def test_a_nodes_command_is_one_of_muvrs() -> None:
    options = parsed(shlex.split(node_command()[1]))
    assert (options.host, options.gateway_port, options.api_port) == ("0.0.0.0", 31_001, 31_002)
    assert options.advertise == "ws://10.0.0.7:31001"
    assert options.advertise_api == "http://10.0.0.7:31002"
    assert options.data == Path("/sandbox/muvr-data")
    assert options.night == "never"
    assert options.spark_master == "spark://master-spark-muvr.marathon.mesos:7077"
    assert options.store.startswith("cassandra://muvr_node@node-0-cassandra-muvr.marathon.mesos:9042,")
    assert sqlite_directory(options.store) is None, "it is a store's location"


def test_the_steps_of_the_night_may_use_what_is_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, command = node_command()
    print_, text, arrow, file = shlex.split(prepare)[0], shlex.split(prepare)[2], *shlex.split(prepare)[3:]
    assert (print_, arrow) == ("printf", ">")
    monkeypatch.chdir(tmp_path)
    Path(file).write_text(text)
    settings = metronome_settings(parsed(shlex.split(command)))
    assert isinstance(settings, MetronomeSettings)
    assert settings.folder == "muvr.steps"
    job: dict[str, Any] = definition(settings.folder, "batch-1", ["python3", "-m", "cli"], settings.resources)
    assert validate_job(job) == []
    assert job["run"]["ucr"]["image"]["id"] == "registry.example/muvr:1.4.2"
    assert {volume["secret"] for volume in job["run"]["volumes"]} == set(job["run"]["secrets"])


def test_the_job_asks_for_the_night_and_waits() -> None:
    (job,) = render(production()).jobs
    options = parsed(shlex.split(job["run"]["cmd"]))
    assert options.action == "run"
    assert options.wait
