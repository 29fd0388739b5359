"""A real Mesos 1.11 master with two agents, in a process of its own on loopback.

It is made of a folder beside the checkout, `../shared/mesos-rig`, or the one that MUVR_TEST_MESOS_RIG names,
whose README.md says what it consists of; once, in the user's cache. Where it cannot be made, tests are
skipped and say why.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.actors.helpers import eventually

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:15050"
AGENTS = 2
BUILD_SECONDS, START_SECONDS = 600, 60
PACKAGES = ("libsvn_delta-1.so.1", "libapr-1.so.0", "libsasl2.so.2")
BUILD = """
set -e
"$PYTHON27" -m pip install --quiet --target tool 'virtualenv<20.22'
PYTHONPATH=tool "$PYTHON27" -m virtualenv v27
. v27/bin/activate
pip install --quiet 'setuptools==41.2.0' 'protobuf<3.18'
easy_install 'mesos.interface==1.11.0'
easy_install 'mesos.scheduler==1.11.0'
cd shim
bash mkshim.sh "$(find ../v27 -name _scheduler.so)"
g++ -shared -fPIC -o libinit.so init.cpp
touch ../built
"""


@contextmanager
def mesos(directory: Path, attributes: str) -> Iterator[str]:
    """Its address; both agents have `attributes`, as `lifecycle:spot;zone:a`. Skips where there is none."""
    rig = _built()
    work = directory / "mesos"
    work.mkdir()
    start = (
        f". v27/bin/activate && . ./mesos.env && "
        f"export MESOS_WORK_DIR={work} MESOS_RUNTIME_DIR={work}/run && "
        f"export MESOS_ATTRIBUTES='{attributes}' && exec python mesoslocal.py"
    )
    with (directory / "mesos.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", start], cwd=rig, env={**os.environ, "RIG": str(rig)}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        eventually(lambda: len(_agents()) == AGENTS, "the agents are there", START_SECONDS)
        yield URL
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def state(path: str = "/state") -> Any:
    with urllib.request.urlopen(URL + path, timeout=10) as answer:
        return json.load(answer)


def take_away(agent_id: str) -> None:
    """The master is told that the agent is gone, for good; nobody has told its tasks."""
    call = {"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": {"value": agent_id}}}
    request = urllib.request.Request(
        f"{URL}/api/v1", json.dumps(call).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def _agents() -> list[Mapping[str, Any]]:
    try:
        return [agent for agent in state()["slaves"] if agent["active"]]
    except OSError:
        return []


def _built() -> Path:
    rig = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "muvr" / "tests" / "mesos-1.11"
    if (rig / "built").exists():
        return rig
    source = Path(os.environ.get("MUVR_TEST_MESOS_RIG", ROOT.parent / "shared" / "mesos-rig"))
    if not source.is_dir():
        pytest.skip("no Mesos: there is no folder mesos-rig (MUVR_TEST_MESOS_RIG)")
    _build(source, rig)
    return rig


def _build(source: Path, rig: Path) -> None:
    python, missing = _python27(), [name for name in PACKAGES if not _has_library(name)]
    if python is None:
        pytest.skip("no Mesos: its Python package needs Python 2.7")
    if shutil.which("g++") is None or missing:
        pytest.skip(f"no Mesos: {', '.join(missing) or 'g++'} is not installed")
    shutil.rmtree(rig, ignore_errors=True)
    shutil.copytree(source, rig)
    done = subprocess.run(
        ["bash", "-c", BUILD], cwd=rig, env={**os.environ, "PYTHON27": python}, capture_output=True,
        text=True, timeout=BUILD_SECONDS, check=False,
    )  # fmt: skip
    if not (rig / "built").exists():
        pytest.skip(f"no Mesos: it cannot be made here: {done.stderr[-500:]}")


def _python27() -> str | None:
    candidates = [
        shutil.which("python2.7"),
        *map(str, Path.home().glob(".pyenv/versions/2.7*/bin/python2.7")),
    ]
    for candidate in candidates[::-1]:
        if candidate and subprocess.run([candidate, "-V"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def _has_library(name: str) -> bool:
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False)
    return name in listed.stdout
