"""The batch program: one night's jobs in one Spark session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from batch.errors import translated_errors
from batch.job import Parameters
from batch.jobs import BatchResult, run_jobs
from batch.progress import Progress, ProgressListener
from batch.registry import chosen
from batch.session import LOG_NAME, partition_count, spark_session
from batch.slicing import cut_of
from batch.stores import check_location, open_source
from batch.sweeping import Places
from domain.errors import ConfigurationError
from domain.sensors import SensorSet
from persistence.learned_tables import MEMBERS_MIN
from persistence.location import open_store
from persistence.ports import Store
from persistence.runs import RUNS_KEPT, RunStore

PSEUDONYM_KEY_BYTES_MIN = 16


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """What a run works on: see `muvr batch run --help`.

    Without `jobs` it is all of them, without `day` today (UTC). Spark's files and log go into
    `work_directory`, or into a temporary one that is removed.
    """

    store: str
    sensor_sets: tuple[SensorSet, ...]
    pseudonym_key: bytes
    jobs: tuple[str, ...] = ()
    master: str = "local[*]"
    day: date | None = None
    everything: bool = False
    session_share: float = 1.0
    members_min: int = MEMBERS_MIN
    runs_kept: int = RUNS_KEPT
    memory_mb: int = 1024
    work_directory: Path | None = None


def run(config: BatchConfig, progress: ProgressListener) -> BatchResult:
    """Run the jobs; raises ConfigurationError, StoreError or ProcessFailed, never one of Spark's own."""
    _check(config)
    jobs = chosen(config.jobs)
    store = open_store(config.store)  # before Spark, which looks at Cassandra's tables once
    try:
        with _work_directory(config.work_directory) as directory, translated_errors(directory / LOG_NAME):
            progress(Progress(stage="start", done=0, total=1, message="starting Spark"))
            with spark_session(
                directory, master=config.master, memory_mb=config.memory_mb, location=config.store
            ) as session:
                progress(Progress(stage="start", done=1, total=1, message="Spark has started"))
                # Inside, since the text of an error comes from Java.
                with translated_errors(directory / LOG_NAME):
                    places = Places(
                        location=config.store,
                        store=store,
                        source=open_source(session, config.store, store),
                        log=directory / LOG_NAME,
                    )
                    parameters = _parameters(config, store, partition_count(session))
                    return run_jobs(places, jobs, parameters, progress, runs_kept=config.runs_kept)
    finally:
        store.close()


def _check(config: BatchConfig) -> None:
    check_location(config.store)
    if len(config.pseudonym_key) < PSEUDONYM_KEY_BYTES_MIN:
        raise ConfigurationError(
            f"the pseudonym key has {len(config.pseudonym_key)} bytes",
            expected=f"at least {PSEUDONYM_KEY_BYTES_MIN} random bytes",
            remedy="make one with: head -c 32 /dev/urandom",
        )
    if config.day is not None and config.day > _today():
        raise ConfigurationError(
            f"{config.day} has not come yet",
            expected=f"a day up to {_today()} (UTC)",
            remedy="correct --date",
        )
    if not 0 < config.session_share <= 1:
        raise ConfigurationError(
            f"--session-share {config.session_share:g}",
            expected="more than 0, and at most 1, which is all sessions",
            remedy="correct --session-share",
        )
    for name, value in (("--members-min", config.members_min), ("--runs-kept", config.runs_kept)):
        if value < 1:
            raise ConfigurationError(f"{name} {value}", expected="at least 1", remedy=f"correct {name}")


def _parameters(config: BatchConfig, store: Store, partitions: int) -> Parameters:
    day = config.day or _today()
    return Parameters(
        day=day,
        pseudonym_key=config.pseudonym_key,
        cut=cut_of(RunStore(store).state(), config.sensor_sets, day, everything=config.everything),
        sensor_sets=config.sensor_sets,
        session_share=config.session_share,
        members_min=config.members_min,
        partition_count=partitions,
    )


def _today() -> date:
    return datetime.now(UTC).date()


@contextmanager
def _work_directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="muvr-batch-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)
