"""`muvr up --metronome`: what it is told, and what it refuses before anything starts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from cli.metronome import add_metronome_arguments, metronome_settings
from domain.errors import ConfigurationError

BOTH = ["--metronome", "http://metronome:9000", "--mesos", "http://mesos:5050"]


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_metronome_arguments(parser)
    return parser.parse_args(arguments)


def test_without_it_steps_run_here() -> None:
    assert metronome_settings(options()) is None


def test_what_a_job_may_use_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"cpus": 4, "mem": 8192, "user": "muvr"}))
    settings = metronome_settings(options(*BOTH, "--metronome-run", str(file), "--metronome-folder", "a.b"))
    assert settings is not None
    assert (settings.folder, settings.resources.cpus, settings.resources.memory_mb) == ("a.b", 4, 8192)
    assert settings.resources.more == {"user": "muvr"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "has \\[\\]"),
        ({"cpus": "4"}, "are not numbers"),
        ({"cpus": 0}, "0 CPUs"),
        ({"cmd": "rm"}, "cmd of a job"),
        ("{", "is no JSON"),
    ],
)
def test_what_cannot_be_a_job_is_told(tmp_path: Path, given: Any, words: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(given if isinstance(given, str) else json.dumps(given))
    with pytest.raises(ConfigurationError, match=words):
        metronome_settings(options(*BOTH, "--metronome-run", str(file)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (BOTH[:2], "--metronome without --mesos"),
        (["--metronome", "metronome:9000", *BOTH[2:]], "is no address"),
        ([*BOTH, "--metronome-run", "/no/such/file"], "cannot be read"),
        ([*BOTH, "--metronome-folder", "Our Night"], "is no folder"),
    ],
)
def test_what_cannot_be_reached_is_told(arguments: list[str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        metronome_settings(options(*arguments))
