"""`muvr marathon`, on a fake Marathon and Metronome that it starts itself."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from marathon.render.group import render
from tests.marathon.deployments import PRODUCTION, production

ROOT = Path(__file__).parents[2]
SMALL = """
environment = "dev"
group = "/try"
store = "cassandra://127.0.0.1/muvr"
program = "PROGRAM"
[cassandra]
nodes = 0
[node]
instances = 2
cpus = 0.2
keys_path = "/tmp"
stop_seconds = 2
start_seconds = 20
[night]
[services]
marathon = "MARATHON"
metronome = "METRONOME"
mesos = "METRONOME"
"""
IMAGES = """
[images]
cassandra = "cassandra:5"
"""
RING = """nodes = 2
seeds = 1
cpus = 0.1
memory_mb = 768
start_seconds = 20
stop_seconds = 2
cql_port = 19042
storage_port = 17000"""
CASSANDRA = f'cassandra:5=exec {sys.executable} -m http.server --bind "$HOST" "$PORT0"'
# What stands in for muvr: it answers where the rendered command would.
PROGRAM = """#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in --host) host="$2";; --api-port) port="$2";; esac
  shift
done
mkdir -p www && touch www/health www/ready
exec PYTHON -m http.server --bind "$HOST" --directory www "$port"
"""


@pytest.fixture
def services() -> Iterator[dict[str, str]]:
    """The addresses that `muvr marathon fake` tells."""
    command = [sys.executable, "-m", "cli", "marathon", "fake", "--json", "--stand-in", CASSANDRA]
    command += ["--agents", "5", "--on-demand", "2", "--zones", "a"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture
def description(services: dict[str, str], tmp_path: Path) -> Path:
    program = tmp_path / "program"
    program.write_text(PROGRAM.replace("PYTHON", sys.executable))
    program.chmod(0o755)
    file = tmp_path / "small.toml"
    text = SMALL.replace("MARATHON", services["marathon"]).replace("METRONOME", services["metronome"])
    file.write_text(text.replace("PROGRAM", str(program)))
    return file


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    """What the command prints as JSON."""
    assert main(["marathon", *arguments, "--json"]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_deployment_from_its_plan_to_its_end(description: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(description)
    (planned,) = said(capsys, "plan", file)
    assert {change["name"] for change in planned["changes"]} == {"/try/node", "try.night"}
    said(capsys, "status", file, status=1)
    _, ended = said(capsys, "apply", file, "--yes")
    assert ended == {"state": "done", "reason": ""}
    (status,) = said(capsys, "status", file)
    assert status["serves"]
    assert status["apps"][0]["healthy"] == 2
    assert status["jobs"] == {"try.night": "has not run yet; 30 2 * * * UTC"}
    assert said(capsys, "apply", file, "--yes") == [{"changes": []}]
    assert said(capsys, "scale", file, "node", "3", "--yes") == [{"state": "done", "reason": ""}]
    (drifted,) = said(capsys, "plan", file)
    assert drifted["changes"][0]["lines"] == ["~ instances: 3 -> 2"]
    assert main(["marathon", "destroy", file]) == 1
    assert "nobody can be asked" in capsys.readouterr().err
    assert said(capsys, "destroy", file, "--yes") == [{"state": "done", "reason": ""}]
    said(capsys, "status", file, status=1)


def test_an_upgrade_that_fails_is_taken_back(description: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "apply", str(description), "--yes")
    text = description.read_text()
    false = shutil.which("false")
    assert false is not None
    description.write_text(text.replace(str(description.parent / "program"), false))
    assert main(["marathon", "apply", str(description), "--yes"]) == 1
    told = capsys.readouterr().err
    assert "failed: the tasks of /try/node keep failing: Command exited with status 1" in told
    assert "rolled back" in told
    description.write_text(text)
    assert said(capsys, "plan", str(description)) == [{"changes": []}]


def test_render_and_validate_need_no_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "production.toml"
    file.write_text(PRODUCTION)
    (rendered,) = said(capsys, "render", str(file))
    assert rendered == render(production()).as_json()
    assert said(capsys, "validate", str(file)) == [{"findings": []}]
    rendered["group"]["apps"][0]["instances"] = -1
    broken = tmp_path / "group.json"
    broken.write_text(json.dumps(rendered))
    (found,) = said(capsys, "validate", str(broken), status=1)
    assert found["findings"] == [
        {"place": "apps[0].instances", "of": "", "rule": "minimum 0", "fix": "-1 is not; write 0 or more"}
    ]
    broken.write_text(json.dumps(rendered["jobs"][0] | {"cmd": "x"}))
    assert main(["marathon", "validate", str(broken)]) == 1
    assert capsys.readouterr().out == "cmd: there is no such field; leave it out\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [("environment = 3", "environment: Expected `str`"), (PRODUCTION, "does not answer"),
     (PRODUCTION.replace('marathon = "http://marathon.example:8080"', ""), "nobody says where Marathon is")],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_a_line(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "it.toml"
    file.write_text(text.replace("http://marathon.example:8080", "http://127.0.0.1:9"))
    assert main(["marathon", "plan", str(file)]) == 1
    assert words in capsys.readouterr().err


def test_data_is_never_lost_by_the_way(description: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A ring of stand-ins; then one node less is described."""
    text = description.read_text().replace('store = "cassandra://127.0.0.1/muvr"', "") + IMAGES
    description.write_text(text.replace("nodes = 0", RING))
    file = str(description)
    said(capsys, "apply", file, "--yes")
    (status,) = said(capsys, "status", file)
    hosts = [app["hosts"] for app in status["apps"] if "/cassandra/" in app["name"]]
    assert sorted(hosts) == [["127.0.0.1"], ["127.0.0.2"]], "one on each machine that stays"
    assert main(["marathon", "scale", file, "cassandra/node-0", "2", "--yes"]) == 1
    assert "/try/cassandra/node-0 has data of its own" in capsys.readouterr().err
    description.write_text(description.read_text().replace("nodes = 2", "nodes = 1"))
    assert main(["marathon", "apply", file, "--yes"]) == 1
    lost = "data would be lost with its part (/try/cassandra/node-1: data, commitlog, saved_caches)"
    assert lost in capsys.readouterr().err
    (planned, ended) = said(capsys, "apply", file, "--yes", "--lose-volumes")
    assert ended["state"] == "done"
    assert {change["kind"] for change in planned["changes"]} == {"remove", "change"}
    assert main(["marathon", "destroy", file, "--yes"]) == 0
    assert "the data of /try/cassandra/node-0 is lost: data, commitlog" in capsys.readouterr().err
