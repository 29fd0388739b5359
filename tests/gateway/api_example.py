"""A small gym for tests of the API and the page: two users, two models, two nights."""

from __future__ import annotations

import hashlib
import json
import random

import msgspec

from actors.night import Night, State, StepRuns, encode
from domain.identifiers import SessionId, UserId, shard_of
from domain.replies import (
    ExerciseAdvised,
    ExerciseRecognised,
    LiveReply,
    LiveUpdate,
    RestBegan,
    SessionEnded,
    SetFound,
    SetUpBegan,
    TipTold,
)
from persistence.jobs import SCHEDULE_NAME
from persistence.models import EVERYONE, evaluation_row
from persistence.night_tables import JOB_RUN, NIGHT, SCHEDULE, JobRunRow, NightRow, ScheduleRow
from persistence.ports import Insert, Store
from persistence.schema import Timestamp
from persistence.tables import (
    CURRENT_MODEL,
    EVALUATION,
    LABEL,
    MODEL,
    SESSION_BY_USER,
    SET_BY_SESSION,
    SUGGESTION_BY_SESSION,
    USER_BY_SHARD,
    CurrentModelRow,
    LabelRow,
    ModelRow,
    SessionRow,
    SetRow,
    SuggestionRow,
    UserRow,
)

START_MS = 1_790_000_000_000
DAY_MS = 86_400_000
CLASSES = (
    "barbell_row",
    "bench_press",
    "biceps_curl",
    "lateral_raise",
    "overhead_press",
    "push_up",
    "squat",
    "triceps_extension",
)
SET_MS, REST_MS = 40_000, 80_000
NO_TABLE = "no such table: profile (exit status 1)"
PLAN = (("squat", 60.0), ("bench_press", 42.5), ("biceps_curl", 12.5), ("lateral_raise", 7.5))


def fill(store: Store, session_count: int = 3) -> None:
    """Users `alice` and `bob` with `session_count` sessions each (`s0` the oldest), models and nights."""
    rows = [*_models(), *_nights()]
    for user in ("alice", "bob"):
        for nr in range(session_count):
            rows += _session(user, f"s{nr}", START_MS + nr * DAY_MS)
    store.write(rows)
    state = encode(State(seen_ms=START_MS, night=_night("night-2", DAY_MS)))
    store.insert_if_absent(SCHEDULE, [ScheduleRow(SCHEDULE_NAME, "node", 1, 1, state)])


def _session(user: str, session: str, at_ms: int) -> list[Insert]:
    end_ms = at_ms + 12 * (SET_MS + REST_MS)
    rows = [
        Insert(USER_BY_SHARD, UserRow(shard_of(UserId(user)), user, Timestamp(at_ms))),
        Insert(SESSION_BY_USER, SessionRow(user, Timestamp(at_ms), session, "watch-1", Timestamp(end_ms))),
    ]
    for nr in range(12):
        exercise, weight_kg = PLAN[nr // 3]
        start = Timestamp(at_ms + nr * (SET_MS + REST_MS))
        end = Timestamp(start + SET_MS)
        found = "overhead_press" if nr == 4 else exercise
        count = 11 if nr == 7 else 10
        rows.append(
            Insert(SET_BY_SESSION, SetRow(user, session, start, end, found, 0.93, count, "server", "model-2"))
        )
        rows.append(Insert(LABEL, LabelRow(user, session, start, end, exercise, 10, weight_kg)))
    advice = SuggestionRow(
        user, session, Timestamp(at_ms + 3 * SET_MS), "bench_press", 42.5, 10, "follows squats", True
    )
    return [*rows, Insert(SUGGESTION_BY_SESSION, advice)]


def confusion(seed: int) -> list[list[int]]:
    """Mostly right, [classes, classes], the same for the same seed."""
    dice = random.Random(seed)
    matrix = [[0] * len(CLASSES) for _ in CLASSES]
    for row in range(len(CLASSES)):
        for _ in range(60):
            taken = row if dice.random() < 0.93 else dice.randrange(len(CLASSES))
            matrix[row][taken] += 1
    return matrix


def _models() -> list[Insert]:
    rows = [_model("model-1", EVERYONE, 0, 0.88), _model("model-2", EVERYONE, DAY_MS, 0.94)]
    rows += [_model("model-bob", "user:bob", DAY_MS, 0.97)]
    digest = hashlib.sha256(b"model-2").hexdigest()
    return [
        *(row for pair in rows for row in pair),
        Insert(CURRENT_MODEL, CurrentModelRow(EVERYONE, "a,g@50", "model-2", digest, 0.94)),
    ]


def _model(model_id: str, scope: str, after_ms: int, f1: float) -> list[Insert]:
    metrics = {
        "windows": 480,
        "accuracy": f1 + 0.01,
        "precision": f1,
        "recall": f1,
        "f1_macro": f1,
        "f1_per_class": dict.fromkeys(CLASSES, f1),
        "f1_worst_subject": f1 - 0.1,
        "calibration_error": 0.03,
        "confusion": confusion(after_ms),
    }
    created = Timestamp(START_MS + after_ms)
    digest = hashlib.sha256(model_id.encode()).hexdigest()
    lineage = json.dumps({"sessions": ["s0"]})
    model = ModelRow(
        scope, "a,g@50", created, model_id, digest, json.dumps(CLASSES), 11_432, 14_208, 74.5, lineage
    )
    return [
        Insert(MODEL, model),
        Insert(EVALUATION, evaluation_row(model_id, created, "other sessions", metrics)),
    ]


def _nights() -> list[Insert]:
    """Runs of the night that runs, and a night before it that failed."""
    failed, running = _night("night-1", 0), _night("night-2", DAY_MS)
    row = NightRow(
        SCHEDULE_NAME,
        Timestamp(failed.due_ms),
        failed.night_id,
        failed.state,
        Timestamp(failed.due_ms),
        Timestamp(failed.due_ms + 160_000),
        encode(failed),
    )
    runs = [_run(night, step) for night in (failed, running) for step in night.steps if step.run_id]
    return [Insert(NIGHT, row), *runs]


def _night(night_id: str, after_ms: int) -> Night:
    at_ms = START_MS + 2 * DAY_MS + after_ms
    is_over = after_ms == 0

    def step(name: str, state: str, nr: int, message: str) -> StepRuns:
        run_id = "" if state in ("waiting", "skipped") else f"{name}-{night_id}"
        started_ms = at_ms + nr * 90_000 if run_id else None
        finished_ms = started_ms + 80_000 if started_ms and state != "running" else None
        return StepRuns(
            name=name,
            state=state,
            run_id=run_id,
            failures=3 * (state == "failed"),
            started_ms=started_ms,
            finished_ms=finished_ms,
            message=message,
        )

    return Night(
        night_id=night_id,
        due_ms=at_ms,
        started_ms=at_ms,
        finished_ms=at_ms + 160_000 if is_over else None,
        steps=(
            step("slice_windows", "succeeded", 0, "4,812 windows of 6 exercise sessions"),
            step("cluster_users", *(("failed", 1, NO_TABLE) if is_over else ("succeeded", 1, "8 clusters"))),
            step("train_model", "skipped" if is_over else "running", 2, "" if is_over else "starting"),
            *([] if is_over else [step("evaluate", "waiting", 3, "")]),
        ),
    )


def _run(night: Night, step: StepRuns) -> Insert:
    is_running = step.state == "running"
    row = JobRunRow(
        step.name,
        Timestamp(step.started_ms or 0),
        step.run_id,
        step.state,
        0.62 if is_running else 1.0,
        "epoch 19 of 30, macro F1 0.91" if is_running else step.message,
        None if step.finished_ms is None else Timestamp(step.finished_ms),
        "no such table: profile\n" if step.state == "failed" else "",
        night.night_id,
        1,
        1,
    )
    return Insert(JOB_RUN, row)


def live(user: str, reply: LiveReply) -> LiveUpdate:
    return LiveUpdate(user=UserId(user), reply=reply)


def recognised(session: str, at_ms: int, exercise: str, repetitions: int) -> ExerciseRecognised:
    return ExerciseRecognised(
        session=SessionId(session), at_ms=at_ms, exercise=exercise, confidence=0.92, repetitions=repetitions
    )


def found(session: str, end_ms: int, exercise: str, repetitions: int) -> SetFound:
    return SetFound(
        session=SessionId(session),
        start_ms=end_ms - SET_MS,
        end_ms=end_ms,
        exercise=exercise,
        confidence=0.95,
        repetitions=repetitions,
        model_id="model-2",
    )


def setting_up(session: str, since_ms: int) -> SetUpBegan:
    return SetUpBegan(session=SessionId(session), since_ms=since_ms)


def rest(session: str, since_ms: int) -> RestBegan:
    return RestBegan(session=SessionId(session), since_ms=since_ms)


def advised(session: str, at_ms: int) -> ExerciseAdvised:
    return ExerciseAdvised(
        session=SessionId(session),
        at_ms=at_ms,
        exercise="biceps_curl",
        weight_kg=12.5,
        repetitions=10,
        reason="you did 3 × 10 at 12.5 kg after bench press last time",
    )


def tipped(session: str, at_ms: int, *, stop: bool = False) -> TipTold:
    return TipTold(
        session=SessionId(session),
        at_ms=at_ms,
        exercise="squat",
        kind="repetitions" if stop else "shorter",
        text="Stop here: 13 repetitions, and 12 are your limit."
        if stop
        else "The last four repetitions went 35 % less far than those before.",
        figure=13.0 if stop else 0.35,
        stop=stop,
    )


def ended(session: str, at_ms: int) -> SessionEnded:
    return SessionEnded(session=SessionId(session), at_ms=at_ms)


def encoded(updates: list[LiveUpdate]) -> bytes:
    return msgspec.msgpack.encode(updates)
