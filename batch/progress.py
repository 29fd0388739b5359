"""How far Spark is with the jobs of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

PROGRESS_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`done` of `total` tasks of `stage`, a job of the night, are finished."""

    stage: str
    done: int
    total: int
    message: str


ProgressListener = Callable[[Progress], None]


@contextmanager
def reporting(session: SparkSession, stage: str, message: str, progress: ProgressListener) -> Iterator[None]:
    """Tell `progress` about the tasks of what runs inside, from a thread of its own."""
    session.sparkContext.setJobGroup(stage, stage)
    tracker = session.sparkContext.statusTracker()
    ended = threading.Event()
    last = (0, 0)

    def watch() -> None:
        nonlocal last
        while not ended.wait(PROGRESS_SECONDS):
            try:
                counted = _tasks(tracker, stage)
            except (Py4JError, OSError):  # Java is gone; who waits for the job hears of it
                return
            if counted != last and counted[1]:
                last = counted
                progress(Progress(stage=stage, done=counted[0], total=counted[1], message=message))

    watcher = threading.Thread(target=watch, name=f"progress of {stage}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
    watcher.join()
    total = max(last[1], 1)
    progress(Progress(stage=stage, done=total, total=total, message="done"))


def _tasks(tracker: Any, group: str) -> tuple[int, int]:
    """Finished and all tasks of a job group."""
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
    stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
    known = [stage for stage in stages if stage]
    return sum(s.numCompletedTasks for s in known), sum(s.numTasks for s in known)
