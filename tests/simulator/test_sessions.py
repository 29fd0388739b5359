"""Simulated sessions: deterministic, plausible, and with habits that can be learned."""

from __future__ import annotations

import re

import numpy as np
import pytest

from coach.repetitions import count
from domain.recording import REST
from simulator.exercises import MOVEMENTS
from simulator.people import people
from simulator.routines import plan
from simulator.sessions import record


def test_the_same_seed_gives_the_same_samples() -> None:
    first, second = (record(people(5, 2)[1], 3, set_count_max=2) for _ in range(2))
    assert [r.label for r in first] == [r.label for r in second]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.values["a"], other.values["a"])
        np.testing.assert_array_equal(one.values["g"], other.values["g"])


def test_other_seeds_people_and_sessions_differ() -> None:
    ada, bob = people(5, 2)
    lengths = {
        record(p, nr, set_count_max=1)[1].seconds for p in (ada, bob, people(6, 1)[0]) for nr in (0, 1)
    }
    assert len(lengths) > 3


def test_the_first_people_do_not_depend_on_how_many_follow() -> None:
    assert people(5, 1)[0].routine == people(5, 3)[0].routine


@pytest.mark.parametrize("rate_hz", [50.0, 100.0])
def test_sets_and_rests_take_turns(rate_hz: float) -> None:
    person = people(11, 1)[0]
    recordings = record(person, 0, rate_hz=rate_hz)
    sets = plan(person, 0)
    assert [r.label for r in recordings[::2]] == [REST] * (len(sets) + 1)
    assert [r.label for r in recordings[1::2]] == [planned.exercise for planned in sets]
    assert [r.repetitions for r in recordings[1::2]] == [planned.repetitions for planned in sets]
    assert all(r.values["a"].shape == r.values["g"].shape for r in recordings)
    assert all(r.rate_hz == rate_hz and r.values["a"].dtype == np.float32 for r in recordings)


def test_only_the_sensors_asked_for_are_recorded() -> None:
    recordings = record(people(11, 1)[0], 0, letters=("a",), set_count_max=1)
    assert [sorted(r.values) for r in recordings] == [["a"]] * 3


def test_magnitudes_stay_within_what_a_watch_measures() -> None:
    for person in people(2, 4):
        for recording in record(person, 0):
            assert np.abs(recording.values["a"]).max() < 16
            assert np.abs(recording.values["g"]).max() < 35
            at_rest = np.median(np.linalg.norm(recording.values["a"], axis=1))
            assert recording.label != REST or at_rest == pytest.approx(1.0, abs=0.06)


def test_names_are_kebab_case() -> None:
    assert len(MOVEMENTS) >= 8
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in MOVEMENTS)


def test_routines_repeat_and_weights_grow() -> None:
    for person in people(3, 5):
        days = len(person.routine)
        early, late = plan(person, 0), plan(person, 30 * days)
        assert {s.exercise for s in late} & {s.exercise for s in early}
        weights = {s.exercise: s.weight_kg for s in early}
        grown = [s.weight_kg - weights[s.exercise] for s in late if weights.get(s.exercise)]
        assert min(grown) >= 0
        assert max(grown) > 0
        assert all(s.weight_kg % MOVEMENTS[s.exercise].step_kg == 0 for s in early + late)


def test_the_usual_order_is_kept_in_most_sessions() -> None:
    person = people(3, 1)[0]
    days = len(person.routine)
    kept = sum(
        tuple(dict.fromkeys(s.exercise for s in plan(person, nr))) == person.routine[nr % days]
        for nr in range(40)
    )
    assert 20 <= kept < 40


def test_counting_finds_nearly_what_was_done() -> None:
    errors = [
        count(np.concatenate([r.values["a"], r.values["g"]], axis=1), r.rate_hz).count - (r.repetitions or 0)
        for person in people(4, 4)
        for r in record(person, 0, set_count_max=8)
        if r.label != REST
    ]
    assert np.mean(np.abs(errors) <= 1) >= 0.75
