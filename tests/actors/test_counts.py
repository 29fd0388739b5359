"""What shard hosts and the scheduler count."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors import counts, night_counts
from actors.messages import Addressed
from actors.night import FAILED, INTERRUPTED, RUNNING, SUCCEEDED
from domain.errors import StoreFull
from domain.identifiers import SessionId, StreamId, UserId
from domain.replies import Acknowledged, Refused, SetFound
from edge.recogniser import UNKNOWN
from persistence.jobs import SCHEDULE_NAME, JobStore
from persistence.night_tables import JobRunRow, NightRow
from persistence.schema import Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import CurrentModelRow
from telemetry import metrics
from telemetry.pages import COUNTING
from tests.telemetry.counting import value_of

ANNA, SESSION = UserId("anna"), SessionId("s")


@pytest.fixture(autouse=True)
def from_zero() -> Iterator[None]:
    COUNTING.reset()
    yield
    COUNTING.reset()


def found(exercise: str) -> SetFound:
    return SetFound(
        session=SESSION, start_ms=0, end_ms=1, exercise=exercise, confidence=0.5, repetitions=8, model_id="m"
    )


def refused(code: str) -> Refused:
    return Refused(
        session=SESSION, stream=StreamId("a"), sequence_nr=1, code=code, wrong="", expected="", remedy="",
        retry=True, expected_nr=None,
    )  # fmt: skip


def test_replies_are_counted_by_kind() -> None:
    ack = Acknowledged(session=SESSION, stream=StreamId("a"), next_nr=3)
    replies = [
        Addressed(1, ANNA, ack),
        Addressed(1, ANNA, ack),
        Addressed(1, ANNA, refused("out_of_order")),
        Addressed(1, ANNA, refused("of a later version")),
        Addressed(None, ANNA, found("squat")),
        Addressed(None, ANNA, found(UNKNOWN)),
    ]
    counts.answered([1], replies)
    assert value_of(metrics.REPLIES_SENT.of("ack")) == 2
    assert value_of(metrics.REPLIES_SENT.of("refused")) == 2
    assert value_of(metrics.REPLIES_SENT.of("set")) == 2
    assert value_of(metrics.REFUSALS.of("out_of_order")) == 1
    assert value_of(metrics.REFUSALS.of("other")) == 1
    assert value_of(metrics.SETS.of("named")) == value_of(metrics.SETS.of("unknown")) == 1


def test_groups_that_fail_are_counted_by_why() -> None:
    counts.group_failed(StoreFull("no room"))
    assert value_of(metrics.GROUPS_FAILED.of("store_full")) == 1


def test_a_stage_is_timed_whether_it_ends_well_or_not() -> None:
    class Host:
        @counts.staged("decide")
        def works(self, is_well: bool) -> int:
            if not is_well:
                raise ValueError
            return 7

    assert Host().works(True) == 7
    with pytest.raises(ValueError):
        Host().works(False)
    assert value_of(metrics.GROUP_STAGE.of("decide")) == 2


def run(job: str, state: str, finished_ms: int | None = 9000) -> JobRunRow:
    finished = None if finished_ms is None else Timestamp(finished_ms)
    return JobRunRow(
        job=job, started_at=Timestamp(1000), run_id="r", state=state, progress=1.0, message="",
        finished_at=finished, log="", night_id="n", attempt=1, epoch=1, result=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("job", "step"),
    [
        ("batch", "batch"),
        ("train", "train"),
        ("train a,g@50", "train"),
        ("train clusters a@50", "train clusters"),
        ("evaluate u,l@10", "evaluate"),
        ("something new", "other"),
    ],
)
def test_runs_that_are_over_are_counted_by_step(job: str, step: str) -> None:
    night_counts.recorded(run(job, RUNNING, None))
    night_counts.recorded(run(job, SUCCEEDED))
    night_counts.recorded(run(job, INTERRUPTED))
    assert value_of(metrics.JOB_RUNS.of(step, SUCCEEDED)) == 1
    assert value_of(metrics.JOB_RUNS.of(step, INTERRUPTED)) == 1
    assert value_of(metrics.JOB_DURATION.of(step)) == 8


def night(number: int, state: str) -> NightRow:
    at = Timestamp(number * 1000)
    return NightRow(SCHEDULE_NAME, at, f"n-{number}", state, at, at, "{}")


def test_the_last_night_that_succeeded_is_known_after_a_start_too(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    jobs = JobStore(store)
    night_counts.remember(jobs)
    assert value_of(metrics.NIGHT_SUCCEEDED.of()) == 0
    jobs.record_nights([night(1, SUCCEEDED), night(2, SUCCEEDED), night(3, FAILED)])
    night_counts.remember(jobs)
    assert value_of(metrics.NIGHT_SUCCEEDED.of()) == 2
    night_counts.over([night(4, FAILED), night(5, SUCCEEDED)])
    assert value_of(metrics.NIGHT_SUCCEEDED.of()) == 5
    assert value_of(metrics.NIGHTS.of(FAILED)) == value_of(metrics.NIGHTS.of(SUCCEEDED)) == 1
    store.close()


def test_models_are_told_by_scope() -> None:
    rows = [
        CurrentModelRow(scope, "a@50", f"m-{nr}", "d", f1)
        for nr, (scope, f1) in enumerate([("everyone", 0.9), ("everyone", 0.8), ("user:anna", 1.0)])
    ]
    night_counts.served(rows)
    assert value_of(metrics.MODELS_SERVED.of("everyone")) == 2
    assert value_of(metrics.MODELS_SERVED.of("user")) == 1
    assert value_of(metrics.MODEL_F1.of("everyone")) == 0.8
    assert math.isnan(value_of(metrics.MODEL_F1.of("cluster")))
    assert value_of(metrics.MODEL_SINCE.of("cluster")) == 0
