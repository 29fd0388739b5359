"""The batch program: one night's jobs in one Spark session."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

import domain.errors
from batch.jobs import Progress, ProgressListener, SlicesResult, check_location, run_slices
from batch.session import LOG_NAME, spark_session
from domain.errors import ConfigurationError, MuvrError, ProcessFailed
from domain.sensors import SensorSet

PSEUDONYM_KEY_BYTES_MIN = 16


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """What a run works on.

    `store` is `sqlite:DIRECTORY`. `day` limits it to sessions with labels of that day (UTC). Spark's files
    and log go into `work_directory`, or into a temporary one that is removed.
    """

    store: str
    sensor_sets: tuple[SensorSet, ...]
    pseudonym_key: bytes
    master: str = "local[2]"
    day: date | None = None
    memory_mb: int = 1024
    work_directory: Path | None = None


def run(config: BatchConfig, progress: ProgressListener) -> SlicesResult:
    """Run the jobs; raises ConfigurationError, StoreError or ProcessFailed, never one of Spark's own."""
    check_location(config.store)
    if len(config.pseudonym_key) < PSEUDONYM_KEY_BYTES_MIN:
        raise ConfigurationError(
            f"the pseudonym key has {len(config.pseudonym_key)} bytes",
            expected=f"at least {PSEUDONYM_KEY_BYTES_MIN} random bytes",
            remedy="make one with: head -c 32 /dev/urandom",
        )
    with _work_directory(config.work_directory) as work_directory, _errors(work_directory / LOG_NAME):
        progress(Progress(stage="start", done=0, total=1, message="starting Spark"))
        with spark_session(work_directory, master=config.master, memory_mb=config.memory_mb) as session:
            progress(Progress(stage="start", done=1, total=1, message="Spark has started"))
            with _errors(work_directory / LOG_NAME):  # inside, since the text of an error comes from Java
                return run_slices(
                    session, config.store, config.sensor_sets, config.pseudonym_key, progress, day=config.day
                )


@contextmanager
def _work_directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="muvr-batch-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@contextmanager
def _errors(log: Path) -> Iterator[None]:
    """Spark's exceptions, a lost Java among them, as muvr's: what a worker raised, or Spark's first line."""
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise translated(str(error), log) from error


def translated(text: str, log: Path) -> MuvrError:
    """The error that a worker raised, from Spark's text of its traceback; else ProcessFailed."""
    found = re.search(r"^domain\.errors\.(\w+): (.*)$", text, re.MULTILINE)
    kind = getattr(domain.errors, found[1], None) if found else None
    if found and isinstance(kind, type) and issubclass(kind, MuvrError):
        return kind(found[2])
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return ProcessFailed(f"Spark failed: {first[:300]}", remedy=f"see {log}, kept with --work-directory")
