"""What a user's coach says of a session, and that it learns the same set by set as all at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.groups import GroupShelf
from coach.coaching import Coaching
from domain.commands import (
    CloseSession,
    ConfirmLabel,
    OpenSession,
    RecordSet,
    RefuseSuggestion,
    SetTraining,
    Suggest,
)
from domain.events import LabelConfirmed, SessionOpened, SetRecognised
from domain.identifiers import DeviceId, SessionId
from domain.replies import ExerciseAdvised, RecordBroken, Refused, Reply, SessionPlanned, SessionSummed
from domain.training import Place, Training
from domain.user import User, evolve
from persistence.sqlite import SqliteStore
from tests.actors.stub_models import T0_MS, StubShelf
from tests.actors.test_user_entity import Entity, of

NAME = SessionId("s")
DAY_MS = 86_400_000
EXERCISES = ["back-squat", "bench-press", "push-up"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


class Lifter:
    """Someone whose watch names the exercises; each call returns what the watch is told."""

    def __init__(self, store: SqliteStore, groups: GroupShelf | None = None) -> None:
        self.entity = Entity(store, StubShelf(None), groups=groups)
        self._session = NAME
        self._nr = 0
        self._at_ms = T0_MS

    def open(self, session: str, day: int) -> list[tuple[int | None, Reply]]:
        self._session, self._nr, self._at_ms = SessionId(session), 0, T0_MS + day * DAY_MS
        return self._take(
            OpenSession, at_ms=self._at_ms, device=DeviceId("w"), recogniser="device", streams=()
        )

    def set(self, exercise: str, repetitions: int = 8) -> list[tuple[int | None, Reply]]:
        self._at_ms += 120_000
        span = {"start_ms": self._at_ms, "end_ms": self._at_ms + 30_000, "exercise": exercise}
        return self._take(RecordSet, **span, repetitions=repetitions, confidence=0.9, model_id="m")

    def confirm(
        self, exercise: str, repetitions: int, weight_kg: float | None
    ) -> list[tuple[int | None, Reply]]:
        span = {"start_ms": self._at_ms, "end_ms": self._at_ms + 30_000, "exercise": exercise}
        return self._take(ConfirmLabel, **span, repetitions=repetitions, weight_kg=weight_kg)

    def refuse(self, exercise: str) -> list[tuple[int | None, Reply]]:
        return self._take(RefuseSuggestion, at_ms=self._at_ms, exercise=exercise)

    def wish(self, training: Training) -> list[tuple[int | None, Reply]]:
        return self._take(SetTraining, training=msgspec.structs.replace(training, at_ms=self._at_ms))

    def close(self) -> list[tuple[int | None, Reply]]:
        return self._take(CloseSession, at_ms=self._at_ms + 60_000)

    def workout(self, day: int, *sets: tuple[str, int, float | None]) -> None:
        self.open(f"s{day}", day)
        for exercise, repetitions, weight_kg in sets:
            self.set(exercise, repetitions)
            self.confirm(exercise, repetitions, weight_kg)
        self.close()

    def _take(self, kind: Any, **fields: Any) -> list[tuple[int | None, Reply]]:
        replies = self.entity.take(kind(session=self._session, command_nr=self._nr, **fields))
        assert not of(Refused, replies)
        self._nr += 1
        return replies


USUAL = (
    ("back-squat", 12, 60.0),
    ("back-squat", 12, 60.0),
    ("bench-press", 8, 50.0),
    ("bench-press", 8, 50.0),
)


def test_a_session_is_planned_when_it_begins_and_followed_set_by_set(store: SqliteStore) -> None:
    lifter = Lifter(store)
    assert of(SessionPlanned, lifter.open("first", 0)) == [], "there is nothing to plan it from"
    for day in (1, 3, 5):
        lifter.workout(day, *USUAL)
    (plan,) = of(SessionPlanned, lifter.open("now", 8))
    assert [(each.exercise, each.weight_kg) for each in plan.sets] == [
        ("back-squat", 62.5),
        ("back-squat", 62.5),
        ("bench-press", 50.0),
        ("bench-press", 50.0),
    ]
    assert plan.week == (), "it is planned for who says how to train"
    (advice,) = of(ExerciseAdvised, lifter.set("back-squat"))
    assert advice.exercise == "back-squat"
    assert advice.rest_s is not None
    assert "2.5 kg more since you did 12, 12" in advice.reason
    lifter.confirm("back-squat", 10, 62.5)
    (advice,) = of(ExerciseAdvised, lifter.set("back-squat"))
    assert advice.exercise == "bench-press"


def test_what_is_refused_is_replaced_at_once(store: SqliteStore) -> None:
    lifter = Lifter(store)
    for day in (1, 3, 5):
        lifter.workout(day, *USUAL)
    lifter.open("now", 8)
    (advice,) = of(ExerciseAdvised, lifter.set("back-squat"))
    (instead,) = of(ExerciseAdvised, lifter.refuse(advice.exercise))
    assert (advice.exercise, instead.exercise) == ("back-squat", "bench-press")
    assert lifter.entity.entity.state.declined[-1].exercise == "back-squat"


def test_wishes_hold_for_plan_and_advice(store: SqliteStore) -> None:
    lifter = Lifter(store)
    for day in (1, 3, 5):
        lifter.workout(day, *USUAL)
    lifter.open("now", 8)
    hotel = Training(excluded_muscles=("quadriceps",), place=Place(name="hotel", equipment=()))
    (plan,) = of(SessionPlanned, lifter.wish(hotel))
    assert plan.week
    assert {each.exercise for each in plan.sets} <= {"push-up", "glute-bridge", "nordic-curl"}
    (advice,) = of(ExerciseAdvised, lifter.set("push-up"))
    assert advice.exercise not in ("back-squat", "bench-press")


def test_who_is_new_and_says_what_for_gets_a_plan(store: SqliteStore) -> None:
    lifter = Lifter(store)
    lifter.open("now", 0)
    (plan,) = of(SessionPlanned, lifter.wish(Training(goal="rehabilitation")))
    assert plan.sets[0].exercise == "bodyweight-squat"


def test_a_name_that_nobody_confirmed_is_not_suggested(store: SqliteStore) -> None:
    lifter = Lifter(store)
    lifter.workout(1, *USUAL)
    lifter.open("now", 8)
    (advice,) = of(ExerciseAdvised, lifter.set("unknown"))
    assert advice.exercise in ("back-squat", "bench-press")


def test_records_are_told_and_a_session_is_summed_up(store: SqliteStore) -> None:
    lifter = Lifter(store)
    lifter.workout(1, *USUAL)
    lifter.open("now", 8)
    lifter.set("back-squat")
    (record,) = of(RecordBroken, lifter.confirm("back-squat", 1, 65.0))
    assert (record.exercise, record.kind, record.value) == ("back-squat", "weight", 65.0)
    lifter.set("bench-press")
    assert of(RecordBroken, lifter.confirm("bench-press", 8, 50.0)) == []
    (summary,) = of(SessionSummed, lifter.close())
    assert (summary.set_count, summary.volume_kg, summary.streak_weeks) == (2, 65.0 + 400.0, 2)
    lifter.open("idle", 9)
    assert of(SessionSummed, lifter.close()) == [], "nobody confirmed anything"


def test_what_was_learned_is_learned_again_after_a_recovery(store: SqliteStore) -> None:
    lifter = Lifter(store)
    for day in (1, 3, 5):
        lifter.workout(day, *USUAL)
    lifter.open("now", 8)
    (advice,) = of(ExerciseAdvised, lifter.set("back-squat"))
    again = Lifter(store)
    again.open("again", 8)
    (after,) = of(ExerciseAdvised, again.set("back-squat"))
    assert (after.exercise, after.weight_kg) == (advice.exercise, advice.weight_kg)


@given(st.lists(st.tuples(st.sampled_from(EXERCISES), st.integers(0, 40), st.booleans()), max_size=30))
def test_learning_set_by_set_is_learning_all_at_once(sets: list[tuple[str, int, bool]]) -> None:
    """Whatever the order of times, as sets of several devices arrive, and whenever someone asks."""
    steadily, user = Coaching(), evolve(User(), _opened())
    for number, (exercise, minute, asks) in enumerate(sets, 1):
        confirmed = LabelConfirmed(
            session=NAME,
            command_nr=number,
            start_ms=T0_MS + minute * 60_000,
            end_ms=T0_MS + minute * 60_000 + 1,
            exercise=exercise,
            repetitions=8,
            weight_kg=20.0,
        )
        after = evolve(user, confirmed)
        steadily.happened(user, after, confirmed)
        user = after
        if asks:
            found = _found(exercise)
            ((advice,), (other,)) = (c.happened(user, user, found) for c in (steadily, Coaching()))
            assert isinstance(advice, Suggest)
            assert advice == other
    assert steadily.expected(user, NAME, T0_MS, None) == Coaching().expected(user, NAME, T0_MS, None)


def _opened() -> SessionOpened:
    return SessionOpened(
        session=NAME, command_nr=0, at_ms=T0_MS, device=DeviceId("w"), recogniser="device", streams=()
    )


def _found(exercise: str) -> SetRecognised:
    return SetRecognised(
        session=NAME,
        command_nr=None,
        start_ms=T0_MS + DAY_MS // 2,
        end_ms=T0_MS + DAY_MS // 2 + 30_000,
        exercise=exercise,
        confidence=1.0,
        repetitions=8,
        model_id="m",
    )
