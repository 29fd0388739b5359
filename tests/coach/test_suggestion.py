"""Suggestions come from what was done before, and the weight goes up only when it was mastered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.suggestion import (
    INCREMENT_KG,
    REPETITIONS_CEILING,
    REPETITIONS_DEFAULT,
    Advice,
    advise,
    next_exercises,
)
from domain.commands import REPETITIONS_MAX, WEIGHT_KG_MAX
from domain.identifiers import SessionId
from domain.user import HISTORY_MAX, PastSet

EXERCISES = ["squat", "press", "curl", "row"]


def done(
    exercise: str, session: str = "s1", repetitions: int | None = 8, weight_kg: float | None = 20.0
) -> PastSet:
    return PastSet(
        session=SessionId(session),
        start_ms=0,
        end_ms=1,
        exercise=exercise,
        repetitions=repetitions,
        weight_kg=weight_kg,
    )


histories = st.lists(
    st.builds(
        done,
        st.sampled_from(EXERCISES),
        st.sampled_from(["s1", "s2", "s3"]),
        st.none() | st.integers(0, REPETITIONS_MAX),
        st.none() | st.floats(0, WEIGHT_KG_MAX),
    ),
    max_size=20,
)
last_exercises = st.none() | st.sampled_from([*EXERCISES, "never done"])


def load(*sets: tuple[int | None, float | None], before: list[PastSet] | None = None) -> Advice:
    """What is advised after a session of `sets` of squats (repetitions, weight)."""
    history = [*(before or []), *(done("squat", "now", *each) for each in sets)]
    advice = advise(history, "squat")
    assert advice is not None
    return advice


@pytest.mark.parametrize("last", [None, "squat"])
def test_without_history_there_is_no_advice(last: str | None) -> None:
    assert advise([], last) is None
    assert next_exercises([], last) == {}


def test_the_order_of_the_last_session_is_followed() -> None:
    history = [done(exercise) for exercise in EXERCISES]
    last: str | None = None
    for expected in EXERCISES:
        advice = advise(history, last)
        assert advice is not None
        assert advice.exercise == expected
        last = expected


def test_a_session_does_not_follow_from_the_one_before() -> None:
    history = [done("squat", "s1"), done("press", "s1"), done("squat", "s2"), done("press", "s2")]
    after_press = next_exercises(history, "press")
    assert after_press["squat"] == after_press["press"] == 0.5


def test_what_was_done_lately_counts_more() -> None:
    old = [done(exercise, session) for session in ("s1", "s2") for exercise in ("squat", "press")]
    new = [done(exercise, session) for session in ("s3", "s4") for exercise in ("squat", "curl")]
    advice = advise(old + new, "squat")
    assert advice is not None
    assert advice.exercise == "curl"


@given(histories, last_exercises)
def test_probabilities_are_of_known_exercises_and_sum_to_one(
    history: list[PastSet], last: str | None
) -> None:
    probabilities = next_exercises(history, last)
    assert set(probabilities) == {past.exercise for past in history}
    assert all(0 < probability <= 1 for probability in probabilities.values())
    assert sum(probabilities.values()) == pytest.approx(1 if history else 0)


@given(histories, last_exercises)
def test_only_what_was_done_is_advised_with_a_load_near_what_was_done(
    history: list[PastSet], last: str | None
) -> None:
    advice = advise(history, last)
    assert (advice is None) == (not history)
    if advice is None:
        return
    mine = [past for past in history if past.exercise == advice.exercise]
    weights = [past.weight_kg for past in mine if past.weight_kg is not None]
    assert mine
    assert advice.reason
    assert 0 < advice.repetitions <= REPETITIONS_MAX
    assert advice.weight_kg is None or advice.weight_kg in [
        *weights,
        *(weight + INCREMENT_KG for weight in weights),
    ]


@given(st.lists(st.none() | st.integers(0, 2 * REPETITIONS_CEILING), min_size=1, max_size=5))
def test_weight_goes_up_only_after_every_set_reached_the_ceiling(counts: list[int | None]) -> None:
    mastered = all(count is not None and count >= REPETITIONS_CEILING for count in counts)
    advice = load(*((count, 40.0) for count in counts))
    assert advice.weight_kg == (40.0 + INCREMENT_KG if mastered else 40.0)
    if mastered:
        assert advice.repetitions == REPETITIONS_DEFAULT


def test_what_was_reached_in_an_older_session_does_not_count() -> None:
    before = [done("squat", "before", 20, 40.0)]
    assert load((8, 40.0), before=before).weight_kg == 40.0
    assert load((20, 40.0), before=[done("squat", "before", 1, 40.0)]).weight_kg == 40.0 + INCREMENT_KG


def test_unknown_weights_and_repetitions_are_not_invented() -> None:
    assert load((None, None)) == Advice("squat", None, REPETITIONS_DEFAULT, "you usually do it now")
    assert load((0, 30.0)).weight_kg == 30.0
    assert load((20, None)).weight_kg is None
    assert load((9, None)).repetitions == 9


def test_a_full_history_is_enough_to_advise_from() -> None:
    history = [done(EXERCISES[nr % 4], f"s{nr // 8}") for nr in range(HISTORY_MAX)]
    advice = advise(history, "press")
    assert advice is not None
    assert advice.exercise == "curl"
