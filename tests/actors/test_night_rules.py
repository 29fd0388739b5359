"""The rules of nights, one by one; that they hold together is what the simulation looks at."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from actors.night import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    WAITING,
    Ended,
    Night,
    Plan,
    Request,
    State,
    Step,
    decode_state,
    encode,
)
from actors.night_rules import CLOCK_AHEAD_MS_MAX, ON_TIME_MS, WAITING_MAX, Moment, advance
from domain.errors import ConfigurationError, StoredValueCorrupt

DAY_MS = 86_400_000
T0_MS = 20_000 * DAY_MS
PLAN = Plan(
    steps=(
        Step("batch", ("b",), 10),
        Step("train a", ("a",), 10, after=("batch",)),
        Step("train h", ("h",), 10, after=("batch",)),
        Step("report", ("r",), 10, after=("train a", "train h")),
    ),
    attempts_max=2,
    interruptions_max=2,
    backoff_s=60,
    backoff_s_max=100,
)


class Nights:
    """A state that moments are applied to, at `now_ms`."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.plan = plan
        self.state = State(seen_ms=T0_MS)
        self.now_ms = T0_MS
        self._ids = itertools.count(1)

    def go(self, **what: Any) -> State:
        moment = Moment(
            now_ms=self.now_ms,
            epoch=1,
            new_run_id=lambda name: f"{name}-{next(self._ids)}",
            random=lambda: 1.0,
            **what,
        )
        self.state = advance(decode_state(encode(self.state)), self.plan, moment)
        return self.state

    def due(self, *due_ms: int) -> State:
        self.now_ms = max(self.now_ms, *due_ms)
        return self.go(due=due_ms)

    def end(self, outcome: str, message: str = "") -> State:
        """The run that goes on has ended."""
        assert self.night.running is not None
        return self.go(ended=Ended(self.night.running.run_id, outcome, message))

    def ask(self, request_id: str, *, cancel: str | None = None) -> State:
        return self.go(requests=[Request(request_id, cancel or request_id, cancel is not None, self.now_ms)])

    @property
    def night(self) -> Night:
        assert self.state.night is not None
        return self.state.night

    @property
    def steps(self) -> list[str]:
        return states(self.night)


def states(night: Night) -> list[str]:
    return [step.state for step in night.steps]


def test_steps_run_one_after_the_other_and_then_the_night_is_over() -> None:
    nights = Nights()
    nights.due(T0_MS + DAY_MS)
    assert (nights.night.night_id, nights.night.state) == ("20241005T000000Z", RUNNING)
    for done in range(4):
        assert nights.steps == [SUCCEEDED] * done + [RUNNING] + [WAITING] * (3 - done)
        nights.end(SUCCEEDED, "fine")
    assert nights.state.night is None
    (over,) = nights.state.over
    assert (over.state, over.started_ms, over.finished_ms) == (SUCCEEDED, nights.now_ms, nights.now_ms)
    assert [step.message for step in over.steps] == ["fine"] * 4


def test_a_failed_step_is_tried_again_later_and_then_stops_those_that_need_it() -> None:
    nights = Nights()
    nights.due(T0_MS + DAY_MS)
    nights.end(SUCCEEDED)
    nights.end(FAILED, "no room")
    assert nights.steps == [SUCCEEDED, WAITING, RUNNING, WAITING]  # another has its turn meanwhile
    nights.end(SUCCEEDED)
    assert nights.steps == [SUCCEEDED, WAITING, SUCCEEDED, WAITING]
    nights.now_ms += 59_999
    assert nights.go() == nights.state
    assert nights.night.running is None
    nights.now_ms += 1
    nights.go()
    assert nights.steps == [SUCCEEDED, RUNNING, SUCCEEDED, WAITING]
    nights.end(FAILED, "no room")
    (over,) = nights.state.over
    assert states(over) == [SUCCEEDED, FAILED, SUCCEEDED, SKIPPED]
    assert [step.message for step in over.steps[1::2]] == ["no room", "train a did not succeed"]
    assert (over.state, over.steps[1].attempt) == (FAILED, 2)


def test_waiting_for_a_retry_is_bounded_and_survives_a_clock_that_is_put_back() -> None:
    nights = Nights(replace(PLAN, attempts_max=9))
    nights.due(T0_MS + DAY_MS)
    waits = []
    for _ in range(3):
        nights.end(FAILED)
        waits.append(nights.night.steps[0].retry_at_ms - nights.now_ms)
        nights.now_ms += waits[-1]
        nights.go()
    assert waits == [60_000, 100_000, 100_000]
    nights.end(FAILED)
    nights.now_ms -= DAY_MS
    nights.go()
    assert nights.night.running is not None


def test_interruptions_begin_again_at_once_but_not_for_ever() -> None:
    nights = Nights()
    nights.due(T0_MS + DAY_MS)
    runs = set()
    for _ in range(3):
        assert nights.night.running is not None
        runs.add(nights.night.running.run_id)
        nights.end(INTERRUPTED, "gone")
    (over,) = nights.state.over
    assert len(runs) == 3
    assert (over.steps[0].state, over.steps[0].interruptions) == (FAILED, 3)
    assert states(over)[1:] == [SKIPPED] * 3


def test_the_end_of_another_run_means_nothing() -> None:
    nights = Nights()
    before = nights.due(T0_MS + DAY_MS)
    assert nights.go(ended=Ended("batch-0", FAILED)) == before


@pytest.mark.parametrize(("catch_up_max", "made_up"), [(0, []), (1, [3]), (2, [2, 3]), (9, [1, 2, 3])])
def test_missed_nights_are_made_up_for_within_bounds(catch_up_max: int, made_up: list[int]) -> None:
    nights = Nights(replace(PLAN, catch_up_max=catch_up_max))
    missed = [T0_MS + nr * DAY_MS for nr in (1, 2, 3)]
    nights.now_ms = missed[-1] + ON_TIME_MS + 1
    state = nights.go(due=missed)
    begun = [state.night] if state.night is not None else []
    assert [night.due_ms for night in (*begun, *state.waiting)] == [T0_MS + nr * DAY_MS for nr in made_up]
    assert state.seen_ms == missed[-1]


def test_a_night_that_is_on_time_is_none_of_those_missed() -> None:
    nights = Nights(replace(PLAN, catch_up_max=0))
    nights.now_ms = T0_MS + 2 * DAY_MS + ON_TIME_MS
    nights.go(due=[T0_MS + DAY_MS, T0_MS + 2 * DAY_MS])
    assert nights.night.due_ms == T0_MS + 2 * DAY_MS


def test_nights_that_come_faster_than_they_end_do_not_pile_up() -> None:
    nights = Nights(replace(PLAN, catch_up_max=2))
    for nr in range(1, 9):
        nights.due(T0_MS + nr * DAY_MS)
    assert nights.night.due_ms == T0_MS + DAY_MS
    assert [night.due_ms for night in nights.state.waiting] == [T0_MS + nr * DAY_MS for nr in (7, 8)]


def test_a_night_comes_once_whatever_the_clock_says() -> None:
    nights = Nights()
    before = nights.due(T0_MS + DAY_MS)
    nights.now_ms -= DAY_MS
    assert nights.go(due=[T0_MS + DAY_MS]) == before


def test_a_clock_that_was_years_ahead_does_not_end_all_nights() -> None:
    nights = Nights()
    nights.state = State(seen_ms=T0_MS + CLOCK_AHEAD_MS_MAX + 1)
    nights.go()
    nights.due(T0_MS + DAY_MS)
    assert nights.night.due_ms == T0_MS + DAY_MS


def test_who_asks_twice_gets_one_night_and_later_ones_wait() -> None:
    nights = Nights()
    nights.ask("one")
    before = nights.ask("two")
    assert nights.ask("one") == nights.ask("two") == before
    assert nights.night.night_id == "one"
    assert [night.night_id for night in before.waiting] == ["two"]
    assert nights.night.is_asked


def test_of_too_many_that_ask_some_are_taken_up_later() -> None:
    nights = Nights(Plan(steps=PLAN.steps[:1]))
    asked = [Request(f"r{nr}", f"r{nr}", False, T0_MS) for nr in range(WAITING_MAX + 3)]
    nights.go(requests=asked)
    over = []
    while nights.state.night is not None:
        over += [night.night_id for night in nights.end(SUCCEEDED).over]
        nights.state = State(
            seen_ms=T0_MS,
            night=nights.state.night,
            waiting=nights.state.waiting,
            handled=nights.state.handled,
        )
        nights.go(requests=asked)
    assert over == [request.night_id for request in asked]


@pytest.mark.parametrize(("outcome", "ends_as"), [(FAILED, CANCELLED), (SUCCEEDED, SUCCEEDED)])
def test_a_night_that_is_cancelled_ends_with_what_runs(outcome: str, ends_as: str) -> None:
    nights = Nights()
    nights.ask("one")
    nights.ask("c", cancel="one")
    assert (nights.steps[0], nights.night.is_cancelled) == (RUNNING, True)
    nights.end(outcome, "why")
    (over,) = nights.state.over
    assert states(over) == [ends_as] + [CANCELLED] * 3
    assert over.state == CANCELLED


def test_a_night_that_waits_is_cancelled_at_once_and_an_unknown_one_is_no_matter() -> None:
    nights = Nights()
    nights.ask("one")
    nights.ask("two")
    nights.ask("c", cancel="two")
    (over,) = nights.state.over
    assert (over.night_id, over.state, over.steps) == ("two", CANCELLED, ())
    nights.ask("d", cancel="three")
    assert nights.state.handled == ("one", "two", "c", "d")
    assert nights.night.night_id == "one"


def test_a_night_between_two_attempts_can_be_cancelled() -> None:
    nights = Nights()
    nights.ask("one")
    nights.end(FAILED)
    nights.ask("c", cancel="one")
    (over,) = nights.state.over
    assert states(over) == [CANCELLED] * 4


def test_steps_that_settings_do_not_name_any_more_fail() -> None:
    nights = Nights()
    nights.ask("one")
    nights.end(SUCCEEDED)
    nights.plan = Plan(steps=(PLAN.steps[0], Step("train h", ("h",), 10)))
    nights.end(SUCCEEDED)
    nights.end(SUCCEEDED)
    (over,) = nights.state.over
    assert states(over) == [SUCCEEDED, SUCCEEDED, SUCCEEDED, FAILED]
    assert "no such step" in over.steps[-1].message


@pytest.mark.parametrize(
    "steps",
    [
        (Step("a", (), 1), Step("a", (), 1)),
        (Step("a", (), 1, after=("b",)), Step("b", (), 1)),
        (Step("a", (), 1, after=("a",)),),
    ],
)
def test_steps_in_an_impossible_order_are_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ConfigurationError, match="comes twice, or before one that it needs"):
        Plan(steps=steps)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"seen_ms": "x"}', '{"seen_ms": 1, "night": {}}'])
def test_what_is_no_state_is_told(text: str) -> None:
    with pytest.raises(StoredValueCorrupt, match="delete the row"):
        decode_state(text)
