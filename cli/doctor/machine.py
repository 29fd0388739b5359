"""Checks of the machine: Python, packages, Java, limits, ports, clock and disk."""

from __future__ import annotations

import ctypes
import errno
import importlib.metadata
import os
import re
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from batch.java import find_java, java_major
from cli.doctor.findings import Finding, Patient, ok, problem, problem_of, warning
from domain.errors import ConfigurationError

PYTHON = (3, 11)
FILES_WANTED = 21_000  # connections of a gateway, and what else it has open
SPACE_SHARE_MIN, SPACE_SHARE_GOOD = 0.03, 0.15
SPACE_BYTES_MIN = 1 << 30
SYNC_COUNT, SYNC_BYTES = 20, 4096
SYNC_MS_GOOD = 20.0  # of a group's commit; devices wait for it
CONNECT_SECONDS = 1.0
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
AGO_SECONDS_MAX = 86_400.0
REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:==\s*([\w.]+?)(\.\*)?)?\s*(?:;.*)?$")


def check_python(patient: Patient) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        yield problem(
            "python", f"Python {version}", "at least 3.11", "install it and make the environment again"
        )
    else:
        yield ok("python", f"Python {version}")


def check_packages(patient: Patient) -> Iterator[Finding]:
    """That what muvr says it needs is installed, in versions that it takes."""
    try:
        requirements = importlib.metadata.requires("muvr") or []
    except importlib.metadata.PackageNotFoundError:
        yield warning("packages", "muvr is not installed", "an installed package", "pip install .")
        return
    faults = [fault for line in requirements if "extra ==" not in line and (fault := _fault(line))]
    if faults:
        remedy = "pip install -c constraints.txt muvr, in this environment"
        yield problem("packages", "; ".join(faults), "all of setup.cfg's install_requires", remedy)
    else:
        yield ok("packages", f"muvr {importlib.metadata.version('muvr')} and what it needs")


def check_java(patient: Patient) -> Iterator[Finding]:
    try:
        home = find_java()
    except ConfigurationError as error:
        yield problem_of("java", error, "a Java for the nights' batch")
        return
    yield ok("java", f"Java {java_major(home)} in {home}, for the nights' batch")


def check_files(patient: Patient) -> Iterator[Finding]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES_WANTED:
        yield warning(
            "files",
            f"a process may have {hard:,} files open, and each device is one",
            f"at least {FILES_WANTED:,}",
            "raise the limit: LimitNOFILE= of systemd, --ulimit nofile= of containers, or limits.conf",
        )
    else:
        yield ok("files", "no limit" if hard == resource.RLIM_INFINITY else f"{hard:,} may be open")


def check_ports(patient: Patient) -> Iterator[Finding]:
    """Free where no node runs on the directory; answering where one does."""
    settings = patient.settings
    for name, flag, port in (
        ("the HTTP API", "--api-port", settings.api_port),
        ("devices", "--gateway-port", settings.gateway_port),
    ):
        place = f"{settings.host}:{port}"
        if patient.runs:
            if _answers(settings.host, port):
                yield ok("ports", f"{place} for {name} answers")
            else:
                remedy = f"say {flag} as for the node; else see its log, and restart it"
                yield problem("ports", f"{place} for {name} does not answer", "the running node", remedy)
        elif (reason := _taken(settings.host, port)) is not None:
            remedy = f"stop what uses it (`ss -ltnp`), or choose another with {flag}"
            yield problem("ports", f"{place} for {name} cannot be had: {reason}", "a free port", remedy)
        else:
            yield ok("ports", f"{place} for {name} is free")


def check_clock(patient: Patient) -> Iterator[Finding]:
    """Without asking a time server: whether the kernel calls its clock synchronised, and files agree."""
    now_s = patient.now_s()
    newest_s = max(Path(file).stat().st_mtime for file in (__file__, sys.executable))
    if now_s < newest_s - AGO_SECONDS_MAX:
        yield problem(
            "clock",
            f"it is before {time.strftime('%Y-%m-%d', time.gmtime(newest_s))}, when muvr was installed",
            "the time of day",
            "set the clock, and let chrony or systemd-timesyncd keep it",
        )
    elif _is_synchronised() is False:
        yield warning(
            "clock",
            "the kernel says that nothing synchronises it",
            "a clock kept by NTP; nodes bear differences, nights and timestamps do not",
            "run chrony or systemd-timesyncd; in a container, look at the host",
        )
    else:
        yield ok("clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s)))


def check_disk(patient: Patient) -> Iterator[Finding]:
    directory = _existing(patient.settings.data)
    usage = shutil.disk_usage(directory)
    share, free = usage.free / usage.total, f"{usage.free / (1 << 30):.1f} GiB are free in {directory}"
    remedy = "free space, or choose a larger disk with --data; see Disk use in operations.md"
    if share < SPACE_SHARE_MIN or usage.free < SPACE_BYTES_MIN:
        yield problem("disk", f"{free}, {share:.0%}", "at least 1 GiB and 3 %", remedy)
    elif share < SPACE_SHARE_GOOD:
        yield warning("disk", f"{free}, {share:.0%}", "15 %", remedy)
    else:
        yield ok("disk", f"{free}, {share:.0%}")
    yield from _speed(directory)


def _speed(directory: Path) -> Iterator[Finding]:
    try:
        took_ms = statistics.median(_sync_times_ms(directory))
    except OSError as error:
        remedy = "let the user of the node write there, or choose another with --data"
        yield problem(
            "disk", f"{directory} cannot be written to: {error.strerror}", "a writable directory", remedy
        )
        return
    words = f"writing {SYNC_BYTES} bytes and syncing them takes {took_ms:.1f} ms (median of {SYNC_COUNT})"
    if took_ms > SYNC_MS_GOOD:
        remedy = "use a local SSD: every acknowledgement waits for this"
        yield warning("disk", words, f"at most {SYNC_MS_GOOD:g} ms", remedy)
    else:
        yield ok("disk", words)


def _sync_times_ms(directory: Path) -> list[float]:
    times = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(SYNC_COUNT):
            since_s = time.perf_counter()
            file.write(bytes(SYNC_BYTES))
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - since_s) * 1000)
    return times


def _existing(path: Path) -> Path:
    """The directory, or the nearest above it that there is."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.is_dir())


def _fault(requirement: str) -> str | None:
    found = REQUIREMENT.match(requirement)
    if found is None:
        return None
    name, wanted, is_prefix = found.groups()
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"{name} is missing"
    fits = wanted is None or version == wanted or (is_prefix and version.startswith(f"{wanted}."))
    return None if fits else f"{name} is {version}, not {wanted}{is_prefix or ''}"


def _taken(host: str, port: int) -> str | None:
    """Why a port cannot be listened on; None if it can."""
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        return "in use" if number == errno.EADDRINUSE else str(getattr(error, "strerror", None) or error)
    return None


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except (OSError, OverflowError):
        return False
    return True


def _is_synchronised() -> bool | None:
    """What adjtimex(2) says; None where it cannot be asked."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state: int = libc.adjtimex(ctypes.create_string_buffer(512))  # a struct timex of zeros only asks
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR
