"""Spark's exceptions, a lost Java among them, as muvr's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

import domain.errors
from domain.errors import MuvrError, ProcessFailed, StoreUnavailable

_RAISED = re.compile(r"(?:^|: )domain\.errors\.(\w+): (.*)$", re.MULTILINE)
# What the connector, or Cassandra's driver below it, says when a node is away, slow or overloaded.
_AWAY = re.compile(
    r"(?:AllNodesFailed|NoNodeAvailable|DriverTimeout|WriteTimeout|ReadTimeout|Unavailable|Overloaded"
    r"|BusyConnection|ClosedConnection|Heartbeat|ConnectionInit|ConnectionFailed|WriteFailure|ReadFailure)"
    r"Exception|Could not open native connection|Failed to open native connection"
    r"|Control channel not available"
)


@contextmanager
def translated_errors(log: Path) -> Iterator[None]:
    """What a worker raised, or that Cassandra is away, or Spark's first line, which `log` explains."""
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        text = str(error)
        if log.parent.is_dir():
            with log.open("a") as file:  # Spark itself does not write there what it tells the driver
                file.write(f"{text}\n")
        raise translated(text, log) from error


def translated(text: str, log: Path) -> MuvrError:
    """The error that `text`, what Spark says of a failure, is about."""
    found = _RAISED.search(text)
    kind = getattr(domain.errors, found[1], None) if found else None
    if found and isinstance(kind, type) and issubclass(kind, MuvrError):
        return kind(found[2])
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    if away := _AWAY.search(text):
        return StoreUnavailable(
            f"Cassandra does not answer Spark ({away[0]})", remedy="run it again when it does"
        )
    return ProcessFailed(f"Spark failed: {first[:300]}", remedy=f"see {log}, kept with --work-directory")
