"""Personal bests and the formulas behind them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bests import BESTS_MAX, Best, bettered
from domain.commands import REPETITIONS_MAX, WEIGHT_KG_MAX
from domain.strength import brzycki_kg, epley_kg, maximum_kg, weight_for_kg

sets = st.tuples(
    st.sampled_from(["squat", "press"]),
    st.none() | st.integers(0, REPETITIONS_MAX),
    st.none() | st.floats(0, WEIGHT_KG_MAX),
)


@pytest.mark.parametrize(
    ("weight_kg", "repetitions", "epley", "brzycki"),
    [
        (100.0, 1, 100.0, 100.0),
        (100.0, 10, 133.33, 133.33),
        (100.0, 5, 116.67, 112.5),
        (60.0, 3, 66.0, 63.53),
    ],
)
def test_the_formulas_are_the_published_ones(
    weight_kg: float, repetitions: int, epley: float, brzycki: float
) -> None:
    assert epley_kg(weight_kg, repetitions) == pytest.approx(epley, abs=0.01)
    assert brzycki_kg(weight_kg, repetitions) == pytest.approx(brzycki, abs=0.01)
    assert maximum_kg(weight_kg, repetitions) == pytest.approx((epley + brzycki) / 2, abs=0.01)


@given(st.floats(1, WEIGHT_KG_MAX), st.integers(1, REPETITIONS_MAX))
def test_the_weight_for_repetitions_is_the_maximum_inverted(one_kg: float, repetitions: int) -> None:
    assert maximum_kg(weight_for_kg(one_kg, repetitions), repetitions) == pytest.approx(one_kg)
    assert weight_for_kg(one_kg, repetitions + 1) < weight_for_kg(one_kg, repetitions) * 1.01


@given(st.lists(sets))
def test_bests_are_the_greatest_of_all_sets_in_whatever_order(
    done: list[tuple[str, int | None, float | None]],
) -> None:
    bests: dict[str, Best] = {}
    for each in done:
        bests = dict(bettered(bests, *each))
    backwards: dict[str, Best] = {}
    for each in reversed(done):
        backwards = dict(bettered(backwards, *each))
    assert bests == backwards
    for name, best in bests.items():
        mine = [(count, kg) for each, count, kg in done if each == name and count]
        assert best.weight_kg == max((kg for _, kg in mine if kg), default=0.0)
        assert best.repetitions == max((count for count, kg in mine if not kg), default=0)


def test_what_betters_nothing_is_the_very_same() -> None:
    bests = bettered({}, "squat", 5, 100.0)
    assert bettered(bests, "squat", 5, 100.0) is bests
    assert bettered(bests, "squat", 0, 200.0) is bests
    assert bettered(bests, "squat", None, 200.0) is bests


def test_bests_are_bounded() -> None:
    bests = bettered({}, "first", 5, 10.0)
    for number in range(BESTS_MAX):
        bests = bettered(bests, f"e{number}", 5, 10.0)
    assert len(bests) == BESTS_MAX
    assert "first" not in bests
