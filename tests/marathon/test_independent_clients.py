"""Clients of Marathon that nobody here wrote find the fake as they want it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from marathon.fake.marathon import agents, fake_marathon

HERE = Path(__file__).parent
SERVES = f'exec {sys.executable} -m http.server --bind "$HOST" "$PORT0"'
FETCH_SECONDS, DRIVE_SECONDS = 240, 240
PYPI = ("marathon==0.13.0", "requests-toolbelt==1.0.0")
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>muvr</groupId><artifactId>tests</artifactId><version>1</version><dependencies><dependency>
<groupId>com.mesosphere</groupId><artifactId>marathon-client</artifactId><version>0.6.3</version>
</dependency></dependencies></project>
"""


def test_the_client_of_pypi(tmp_path: Path) -> None:
    place = _cache() / "pypi-marathon-0.13.0"
    if not (place / "marathon").is_dir():
        # Apart from muvr's own packages, of which one has its name.
        install = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(place),
            *PYPI,
        ]
        _fetch(install, place)
    pytest.importorskip("requests")
    with fake_marathon(tmp_path, agents(3)) as fake:
        drive = [sys.executable, "-I", str(HERE / "pypi_client.py"), str(place), fake.url, SERVES]
        found = json.loads(_driven(drive))
    assert found["version"] == "1.10.0"
    assert found["refused"] == 409
    assert "status_update_event" in found["events"]


def test_the_client_of_maven(tmp_path: Path) -> None:
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip("no JDK is installed")
    if shutil.which("mvn") is None:
        pytest.skip("Maven is not installed")
    jars = _cache() / "maven-marathon-client-0.6.3"
    if not list(jars.glob("marathon-client-*.jar")):
        (tmp_path / "pom.xml").write_text(POM)
        target = f"-DoutputDirectory={jars}"
        fetch = ["mvn", "-q", "-B", "-f", str(tmp_path / "pom.xml"), "dependency:copy-dependencies", target]
        _fetch(fetch, jars)
    with fake_marathon(tmp_path, agents(3)) as fake:
        drive = ["java", "-cp", f"{jars}/*", str(HERE / "JavaClient.java"), fake.url, SERVES]
        assert "version 1.10.0" in _driven(drive)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "muvr" / "tests"


def _fetch(command: list[str], place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        reason = done.stderr[-300:] if done.returncode else ""
    except subprocess.TimeoutExpired:
        reason = f"not within {FETCH_SECONDS} s"
    if reason:
        shutil.rmtree(place, ignore_errors=True)
        pytest.skip(f"the client cannot be fetched here: {reason}")


def _driven(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=DRIVE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
