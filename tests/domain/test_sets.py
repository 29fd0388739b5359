"""What several devices say of sets leads to the same state in whatever order it comes, and however often."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bests import Best
from domain.command_checks import check_command
from domain.commands import (
    COMMANDS,
    CloseSession,
    Command,
    ConfirmLabel,
    ContributeExercise,
    OpenSession,
    RefuseSuggestion,
    SetPlan,
    SetTraining,
    SuggestHere,
    WithdrawLabel,
)
from domain.conflicts import overridden
from domain.contributed import Contributed
from domain.events import Event
from domain.identifiers import DeviceId, SessionId
from domain.plans import TrainingPlan
from domain.replies import Overridden
from domain.sets import HISTORY_MAX, PastSet, is_the_same, merged
from domain.training import Place, Training
from domain.user import User, best_of, decide, evolve, next_nr

MINUTE_MS = 60_000
KINDS = ["label", "label", "label", "withdraw", "training", "plan", "exercise", "refuse", "suggestion"]
EXERCISES = ["squat", "press", "curl"]
minutes = st.integers(0, 12)


def statement(session: str, nr: int, start_ms: int, end_ms: int, **fields: Any) -> PastSet:
    told: dict[str, Any] = {"exercise": "squat", "repetitions": 8, "weight_kg": 20.0}
    name, device = SessionId(session), DeviceId(f"of-{session}")
    return PastSet(
        **told | fields, session=name, start_ms=start_ms, end_ms=end_ms, device=device, command_nr=nr
    )


@st.composite
def recorded(draw: st.DrawFn, session: str) -> list[Command]:
    """What one device recorded offline, as its numbered commands."""
    name = SessionId(session)
    commands: list[Command] = [
        OpenSession(
            session=name,
            command_nr=0,
            at_ms=0,
            device=DeviceId(draw(st.sampled_from(["watch", "phone"]))),
            recogniser="device",
            streams=(),
            coach="device",
        )
    ]
    for number in range(1, draw(st.integers(1, 7))):
        commands.append(_command(draw, {"session": name, "command_nr": number}))
    return [*commands, CloseSession(session=name, command_nr=len(commands), at_ms=1)]


def _command(draw: st.DrawFn, numbered: dict[str, Any]) -> Command:
    start_ms = draw(minutes) * MINUTE_MS // 2
    span: dict[str, Any] = {**numbered, "start_ms": start_ms, "end_ms": start_ms + draw(minutes) * 5000 + 1}
    exercise, said_ms = draw(st.sampled_from(EXERCISES)), draw(st.integers(0, 9))
    match draw(
        st.sampled_from(["label", "label", "label", "withdraw", "training", "plan", "refuse", "suggestion"])
    ):
        case "label":
            weight_kg = draw(st.sampled_from([None, 20.0, 25.0]))
            at_ms = draw(st.none() | st.just(said_ms))
            return ConfirmLabel(**span, exercise=exercise, repetitions=8, weight_kg=weight_kg, said_ms=at_ms)
        case "withdraw":
            return WithdrawLabel(**span, said_ms=said_ms)
        case "training":
            place = Place(name=draw(st.sampled_from(["home", "gym"])))
            training = Training(at_ms=said_ms, place=place, utc_offset_min=draw(st.sampled_from([0, 60])))
            return SetTraining(**numbered, training=training)
        case "plan":
            return SetPlan(**numbered, plan=TrainingPlan(at_ms=said_ms, author=exercise))
        case "exercise":
            primary = draw(st.sampled_from(["core", "back"]))
            own = Contributed(name=exercise, at_ms=said_ms, primary=(primary,), movement="carry")
            return ContributeExercise(**numbered, exercise=own)
        case "refuse":
            return RefuseSuggestion(**numbered, at_ms=said_ms, exercise=exercise)
    return SuggestHere(
        **numbered, at_ms=said_ms, exercise=exercise, weight_kg=20.0, repetitions=8, reason="", rest_s=None
    )


def arrived(sessions: Sequence[Sequence[Command]], rng: random.Random) -> tuple[User, list[Event]]:
    """The state after all came in some order, each session's own kept; what is known may come again."""
    user, happened, left = User(), list[Event](), [list(each) for each in sessions]
    while any(left):
        mine = rng.choice([each for each in left if each])
        command = mine.pop(0)
        again = [each for each in sessions[left.index(mine)] if rng.random() < 0.3]
        for each in [command, *(e for e in again if _is_known(user, e))]:
            for event in decide(user, check_command(each)):
                user = evolve(user, event)
                happened.append(event)
    return user, happened


def _is_known(user: User, command: Any) -> bool:
    return bool(command.command_nr < next_nr(user, command.session, COMMANDS))


def merged_part(user: User) -> tuple[Any, ...]:
    sets = user.history, user.aside, user.bests, user.declined
    return (
        *sets,
        user.training,
        user.trained_by,
        user.plan,
        user.planned_by,
        user.own_exercises,
        user.sessions,
    )


@given(recorded("a"), recorded("b"), recorded("c"), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    one: list[Command], other: list[Command], third: list[Command], rng: random.Random
) -> None:
    sessions = [one, other, third]
    (first, events), (second, others) = arrived(sessions, rng), arrived(sessions, rng)
    assert merged_part(first) == merged_part(second)
    assert len(events) == len(others), "nothing is lost or doubled"
    said = sum(isinstance(each, ConfirmLabel | WithdrawLabel) for each in [*one, *other, *third])
    assert len(first.history) + len(first.aside) == said
    assert not any(is_the_same(a, b) for nr, a in enumerate(first.history) for b in first.history[:nr]), (
        "no set counts twice"
    )


@given(st.permutations(range(HISTORY_MAX + 40)))
def test_of_many_sets_the_newest_are_kept_and_the_bests_of_all(order: list[int]) -> None:
    history: tuple[PastSet, ...] = ()
    settled: list[PastSet] = []
    for nr in order:
        sets = merged(history, (), statement("s", nr + 1, nr * MINUTE_MS, nr * MINUTE_MS + 30_000))
        history, settled = sets.history, [*settled, *sets.settled]
    assert [past.command_nr for past in history] == list(range(41, HISTORY_MAX + 41))
    assert sorted(past.command_nr for past in settled) == list(range(1, 41))


def test_two_devices_may_mean_the_same_set() -> None:
    mine = statement("a", 1, 0, 30_000)
    assert is_the_same(mine, statement("b", 1, 5_000, 33_000))
    assert not is_the_same(mine, statement("b", 1, 20_000, 50_000)), "they touch"
    assert not is_the_same(mine, statement("b", 1, 0, 600_000)), "a circuit, of which it is a part"
    assert is_the_same(mine, statement("a", 2, 0, 600_000)), "corrected"


def test_what_was_overridden_counts_again_once_its_overrider_does_not() -> None:
    """A shares its set with B, B with C, A and C share none."""
    a = statement("a", 1, 0, 10_000)
    b = statement("b", 1, 4_000, 14_000, said_ms=20_000)
    c = statement("c", 1, 8_000, 18_000, said_ms=30_000)
    assert merged((a,), (), b).history == (b,)
    found = merged((b,), (a,), c)
    assert (found.history, found.aside) == ((a, c), (b,))
    assert found.about == ((c, a), (b,))


def opened(name: str, device: str) -> OpenSession:
    return OpenSession(
        session=SessionId(name),
        command_nr=0,
        at_ms=0,
        device=DeviceId(device),
        recogniser="device",
        streams=(),
        coach="device",
    )


def label(session: str, nr: int, weight_kg: float, **fields: Any) -> ConfirmLabel:
    told: dict[str, Any] = {"exercise": "squat", "start_ms": 0, "end_ms": 30_000, "repetitions": 5}
    return ConfirmLabel(**told | fields, session=SessionId(session), command_nr=nr, weight_kg=weight_kg)


def told(user: User, *commands: Command) -> tuple[User, list[Overridden]]:
    said: list[Overridden] = []
    for command in commands:
        for event in decide(user, command):
            before, user = user, evolve(user, event)
            said += overridden(before, user, event)
    return user, said


@pytest.mark.parametrize("watch_first", [True, False])
def test_the_last_word_counts_and_the_other_device_is_told(watch_first: bool) -> None:
    watch = [opened("w", "watch"), label("w", 1, 60.0)]
    phone = [opened("p", "phone"), label("p", 1, 62.5, exercise="front-squat", said_ms=99_000)]
    user, said = told(User(), *(watch + phone if watch_first else phone + watch))
    (past,) = user.history
    assert (past.exercise, past.weight_kg, past.device) == ("front-squat", 62.5, "phone")
    (only,) = said
    assert (only.session, only.by_session, only.by_device) == ("w", "p", "phone")
    assert (only.what, only.start_ms, only.exercise, only.by_exercise) == ("label", 0, "squat", "front-squat")


def test_of_the_same_time_the_greater_device_counts_and_agreement_is_no_conflict() -> None:
    user, said = told(User(), opened("w", "watch"), label("w", 1, 60.0), opened("p", "phone"))
    agreed, more = told(user, label("p", 1, 60.0))
    assert [past.device for past in agreed.history] == ["watch"]
    assert said == more == []


def test_a_correction_takes_back_what_was_taught() -> None:
    user, _ = told(User(), opened("w", "watch"), label("w", 1, 60.0))
    user, _ = told(user, label("w", 2, 600.0, start_ms=60_000, end_ms=90_000))
    assert best_of(user, "squat") == Best(weight_kg=600.0, maximum_kg=687.5)
    user, said = told(user, label("w", 3, 60.0, start_ms=60_000, end_ms=90_000))
    assert said == [], "who corrects knows"
    assert best_of(user, "squat") == Best(weight_kg=60.0, maximum_kg=68.75)
    assert [past.weight_kg for past in user.history] == [60.0, 60.0]


def test_what_is_withdrawn_on_one_device_is_not_done_on_the_other() -> None:
    user, _ = told(User(), opened("w", "watch"), label("w", 1, 60.0), opened("p", "phone"))
    withdraw = WithdrawLabel(
        session=SessionId("p"), command_nr=1, start_ms=100, end_ms=30_000, said_ms=50_000
    )
    user, (said,) = told(user, withdraw)
    assert user.history == ()
    assert best_of(user, "squat") is None
    assert (said.session, said.exercise, said.by_exercise) == ("w", "squat", None)
    user, _ = told(user, label("w", 2, 60.0, said_ms=60_000))
    assert len(user.history) == 1, "the user thought again"


@pytest.mark.parametrize("late_first", [True, False])
def test_of_two_devices_wishes_the_later_hold_and_the_other_is_told(late_first: bool) -> None:
    names = [("w", "watch", 5), ("p", "phone", 9)]
    user = User()
    user, _ = told(user, *(opened(name, device) for name, device, _ in names))
    said: list[Overridden] = []
    for name, _, at_ms in reversed(names) if late_first else names:
        training = Training(at_ms=at_ms, goal="muscle", place=Place(name=name))
        user, more = told(user, SetTraining(session=SessionId(name), command_nr=1, training=training))
        said += more
    assert user.training.place == Place(name="p")
    (only,) = said
    assert (only.what, only.session, only.at_ms, only.by_device) == ("training", "w", 5, "phone")


def test_where_an_offline_set_was_done_is_what_its_own_device_said() -> None:
    user, _ = told(User(), opened("w", "watch"), opened("p", "phone"))
    away = Training(at_ms=1, place=Place(name="hotel"), utc_offset_min=540)
    home = Training(at_ms=2, place=Place(name="home"))
    user, _ = told(
        user,
        SetTraining(session=SessionId("w"), command_nr=1, training=away),
        SetTraining(session=SessionId("p"), command_nr=1, training=home),
        label("w", 2, 60.0),
    )
    (past,) = user.history
    assert (past.place, past.utc_offset_min) == ("hotel", 540)
    assert user.training == home
