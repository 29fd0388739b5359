"""Tips: one at a time, true to what was measured, none when unsure; and limits that were prescribed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.form import FormReference, Movement, kept, learn
from coach.tips import Judge, heart_tip
from coach.tips.differing import parts_of
from domain.care import NO_CARE, Care
from domain.form import Tip, check_tip
from domain.programme import Prescription, Programme, Span
from tests.coach.tips_example import a_set, changed, with_stand

CURLS = Prescription(exercise="curl", set_count=3, repetitions=8, days_per_week=3)


def tip_of(movement: Movement, judge: Judge | None = None) -> Tip | None:
    judged = (judge or Judge(care=NO_CARE)).after(movement, "curl", movement.found.count, 0, 60_000)
    assert judged is not None
    assert judged.tip is None or check_tip(judged.tip)
    return judged.tip


def prescribing(**fields: Any) -> Judge:
    changed_fields = {name: getattr(CURLS, name) for name in CURLS.__struct_fields__} | fields
    return Judge(care=Care(programme=Programme(prescriptions=(Prescription(**changed_fields),))))


@given(st.integers(5, 20), st.floats(0.2, 2.0), st.floats(1.0, 6.0), st.integers(0, 99))
def test_of_an_even_set_nothing_is_said(count: int, reach: float, tempo_s: float, seed: int) -> None:
    assert tip_of(a_set([reach] * count, [tempo_s] * count, seed=seed)) is None


@given(st.integers(3, 8), st.integers(3, 5), st.floats(0.4, 0.6))
def test_a_loss_of_reach_is_told_as_it_was(before: int, after: int, share: float) -> None:
    after = min(before, after)
    found = tip_of(a_set([1.0] * before + [share] * after))
    assert found is not None
    assert found.kind == "shorter"
    assert found.figure == pytest.approx(1 - share, abs=0.1)
    assert f"went {100 * found.figure:.0f} % less far" in found.text


def test_haste_is_told_with_the_repetitions_that_were_hasty() -> None:
    middle = tip_of(a_set([1.0] * 12, [2.0] * 4 + [1.2] * 4 + [2.0] * 4))
    assert middle is not None
    assert middle.kind == "faster"
    assert middle.text.startswith("Repetitions 5 to 8 were")
    last = tip_of(a_set([1.0] * 10, [2.0] * 6 + [1.2] * 4))
    assert last is not None
    assert last.text.startswith("The last four repetitions were")


def test_an_uneven_tempo_is_told() -> None:
    tempos_s = [2.0, 2.0, 3.2, 3.2, 1.4, 1.4, 2.6, 2.6, 1.5, 1.5, 3.0, 3.0]
    found = tip_of(a_set([1.0] * 12, tempos_s))
    assert found is not None
    assert found.kind == "irregular"
    assert found.figure > 0.2


def test_a_stand_is_told_with_its_length() -> None:
    found = tip_of(with_stand(a_set([1.0] * 8), 8.5, 1.5))
    assert found is not None
    assert found.kind == "stuck"
    assert found.text.startswith("Repetition 5 stood still for")
    assert found.figure == pytest.approx(1.5, abs=0.4)


def test_setting_up_is_no_fault() -> None:
    """What went before a set may have been taken for its first repetition."""
    early = a_set([0.3, *[1.0] * 8], [5.0, *[2.0] * 8])
    assert tip_of(with_stand(early, 1.2, 1.5)) is None


@pytest.mark.parametrize("confidence", [0.0, 0.49])
def test_when_unsure_nothing_is_said_and_nothing_is_kept(confidence: float) -> None:
    movement = a_set([1.0] * 6 + [0.5] * 4)
    unsure = changed(movement, found=dataclasses.replace(movement.found, confidence=confidence))
    judged = Judge(care=NO_CARE).after(unsure, "curl", 10, 0, 1)
    assert judged is not None
    assert (judged.tip, judged.kept, judged.form.repetitions) == (None, None, 10)


def test_of_too_few_repetitions_nothing_is_said() -> None:
    assert tip_of(a_set([1.0, 1.0, 0.4, 0.4])) is None
    empty = Movement.counted(np.ones((500, 3)), 50.0)
    assert Judge(care=NO_CARE).after(empty, "curl", 0, 0, 1) is None


def test_the_figures_of_a_set_are_kept_and_the_best_becomes_the_reference() -> None:
    movement = a_set([1.0] * 8, [2.5] * 8)
    judged = Judge(care=NO_CARE).after(movement, "curl", 8, 1000, 21_000)
    assert judged is not None
    assert (judged.form.tempo_s, judged.form.reach) == (2.5, 1.0)
    assert (judged.form.reach_share, judged.form.within) == (None, None)
    assert judged.kept is not None
    care = Care(forms={"curl": judged.kept})
    later = Judge(care=care).after(a_set([0.8] * 8, seed=1), "curl", 8, 0, 1)
    assert later is not None
    assert later.form.reach_share == pytest.approx(0.8, abs=0.02)
    assert later.kept is None, "it went less far"


def test_the_models_reference_comes_before_the_users_own() -> None:
    own = kept(learn([a_set([1.0] * 8)]))
    assert own is not None
    given_reference = learn([a_set([2.0] * 8)])
    judge = Judge(care=Care(forms={"curl": own}), references={"curl": given_reference})
    judged = judge.after(a_set([1.0] * 8, seed=3), "curl", 8, 0, 1)
    assert judged is not None
    assert judged.form.reach_share == pytest.approx(0.5, abs=0.02)


def swung_aside(count: int) -> Movement:
    """Each repetition as the reference's, but swings aside in the second half of its way back."""
    movement = a_set([1.0] * count, [4.0] * count)
    phase = np.arange(len(movement.values)) / 50.0 % 4.0 / 4.0
    bump = np.where(phase > 0.75, 1.6 * np.sin(np.pi * (phase - 0.75) / 0.25), 0.0)
    return changed(movement, values=movement.values + bump[:, None] * np.array([0.0, 1.0, 0.0]))


def test_where_a_set_differs_from_its_reference_is_told() -> None:
    reference = learn([a_set([1.0] * 8, [4.0] * 8)])
    found = tip_of(swung_aside(8), Judge(care=NO_CARE, references={"curl": reference}))
    assert found is not None
    assert found.kind == "differs"
    assert "most in the second half of the way back" in found.text


def test_a_reference_without_known_distance_says_nothing() -> None:
    reference = dataclasses.replace(learn([a_set([1.0] * 8, [4.0] * 8)]), distance=0.0)
    assert tip_of(swung_aside(8), Judge(care=NO_CARE, references={"curl": reference})) is None


def test_the_parts_of_a_repetition_are_all_of_it() -> None:
    reference: FormReference = learn([a_set([1.0] * 8)])
    for shift in range(0, 32, 5):
        parts = parts_of(np.roll(reference.course, shift, axis=0))
        assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(32))
    assert len(parts_of(reference.course)) == 4
    assert len(parts_of(np.roll(reference.course, 8, axis=0))) == 2, "it begins at no end"


def test_the_side_that_goes_less_far_is_named() -> None:
    left, right = a_set([1.0] * 8), a_set([0.6] * 8)
    judge = Judge(care=NO_CARE)
    judged = judge.after(left, "curl", 8, 0, 1, sides=(left, right))
    assert judged is not None
    assert judged.tip is not None
    assert judged.tip.text == "The right side went 40 % less far than the left."
    for sides in ((left, a_set([0.9] * 8)), (left, a_set([0.6] * 4)), (left, a_set([0.6] * 12))):
        judged = judge.after(left, "curl", 8, 0, 1, sides=sides)
        assert judged is not None
        assert judged.tip is None, "too little, too few, or not the same movement"


def test_bounds_of_reach_and_tempo_are_counted_and_told() -> None:
    judge = prescribing(reach=Span(least=0.8), tempo_s=Span(least=1.5, most=3.0))
    judged = judge.after(a_set([1.0] * 5 + [0.6] * 5), "curl", 10, 0, 1)
    assert judged is not None
    assert judged.form.within == 5
    assert judged.tip is not None
    assert judged.tip.text == "Five of 10 repetitions went less far than prescribed, to 60 %."
    slow = tip_of(a_set([1.0] * 8, [4.0] * 8), judge)
    assert slow is not None
    assert slow.text == "Eight of 8 repetitions were slower than prescribed, 4.0 s each."
    assert tip_of(a_set([1.0] * 8), judge) is None


@pytest.mark.parametrize(
    ("bounds", "movement", "repetitions", "kind"),
    [
        ({"repetitions_limit": 8}, a_set([1.0] * 9), 9, "repetitions"),
        ({"reach": Span(most=1.2)}, a_set([1.0] * 5 + [1.5] * 3), 8, "reach"),
        ({"tempo_s": Span(least=2.0)}, a_set([1.0] * 8, [2.0] * 5 + [1.5] * 3), 8, "tempo"),
    ],
)
def test_a_limit_that_is_passed_stops_the_set(
    bounds: dict[str, Any], movement: Movement, repetitions: int, kind: str
) -> None:
    stop = prescribing(**bounds).during(movement, "curl", repetitions)
    assert stop is not None
    assert (stop.kind, stop.stop) == (kind, True)
    assert stop.text.startswith("Stop")
    assert prescribing(**bounds).during(a_set([1.0] * 8), "curl", 8) is None
    assert prescribing(**bounds).during(movement, "press", repetitions) is None, "it is of another exercise"


def test_a_collapse_is_told_while_the_set_goes_on() -> None:
    judge = Judge(care=NO_CARE)
    found = judge.during(a_set([1.0] * 6 + [0.4] * 3), "curl", 9)
    assert found is not None
    assert (found.kind, found.stop, found.figure) == ("shorter", False, pytest.approx(0.6))
    assert judge.during(a_set([1.0] * 6 + [0.4] * 2), "curl", 8) is None
    assert judge.during(a_set([1.0] * 6 + [0.7] * 3), "curl", 9) is None
    assert judge.during(a_set([1.0, 0.4, 1.6, 0.5, 1.8, 1.0] + [0.4] * 3), "curl", 9) is None


def test_a_heart_within_its_limit_is_no_reason_to_stop() -> None:
    assert heart_tip(140, 140.0) is None
    stop = heart_tip(140, 141.0)
    assert stop is not None
    assert stop.text == "Stop and rest: your heart beats 141 times a minute, and 140 is your limit."


@given(st.lists(st.tuples(st.floats(0.05, 5), st.floats(0.8, 8)), min_size=1, max_size=30), st.floats(0, 1))
def test_whatever_was_found_leads_to_one_tip_at_most(pairs: list[tuple[float, float]], sure: float) -> None:
    movement = a_set([reach for reach, _ in pairs], [tempo_s for _, tempo_s in pairs])
    found = dataclasses.replace(movement.found, confidence=sure)
    reference = learn([a_set([1.0] * 8)])
    judge = dataclasses.replace(
        prescribing(reach=Span(least=0.5, most=1.5), repetitions_limit=10), references={"curl": reference}
    )
    tip_of(changed(movement, found=found), judge)
    judge.during(changed(movement, found=found), "curl", found.count)
