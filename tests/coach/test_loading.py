"""Weights are those that can be loaded with what there is."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from coach.loading import STEP_KG, heavier_kg, lighter_kg, loadable_kg, loads_kg
from domain.training import LOAD_KG_MAX, LOADS_MAX, Place

plates = st.lists(st.sampled_from([0.5, 1.25, 2.5, 5.0, 10.0, 20.0]), min_size=1, max_size=7)


@given(plates, st.floats(0, 300))
def test_a_bar_takes_any_of_the_pairs(plates_kg: list[float], weight_kg: float) -> None:
    place = Place(name="home", bar_kg=15.0, plates_kg=tuple(plates_kg))
    sums = {
        15.0 + 2 * sum(chosen)
        for count in range(len(plates_kg) + 1)
        for chosen in combinations(plates_kg, count)
    }
    assert set(loads_kg("back-squat", place)) == sums
    chosen = loadable_kg(weight_kg, "back-squat", place)
    assert chosen in sums
    assert chosen == max((each for each in sums if each <= weight_kg + 0.025), default=15.0)
    heavier = heavier_kg(chosen, "back-squat", place)
    assert heavier == min((each for each in sums if each > chosen + 0.025), default=max(sums))


def test_dumbbells_and_stacks_are_those_of_the_place() -> None:
    place = Place(name="gym", dumbbells_kg=(10.0, 7.5, 12.5), stacks_kg=(5.0, 12.0, 19.0))
    assert loadable_kg(11.0, "dumbbell-curl", place) == 10.0
    assert loadable_kg(3.0, "dumbbell-curl", place) == 7.5, "there is nothing lighter"
    assert heavier_kg(12.0, "leg-press", place) == 19.0
    assert heavier_kg(19.0, "leg-press", place) == 19.0, "there is nothing heavier"
    assert lighter_kg(19.0, 0.9, "leg-press", place) == 12.0


def test_where_nothing_is_known_anything_can_be_loaded() -> None:
    for place in (None, Place(name="gym")):
        assert loads_kg("back-squat", place) == ()
        assert loadable_kg(61.3, "back-squat", place) == 61.3
        assert heavier_kg(60.0, "back-squat", place) == 60.0 + STEP_KG
        assert lighter_kg(60.0, 0.9, "back-squat", place) == 52.5
    assert loads_kg("push-up", Place(name="gym", plates_kg=(5.0,))) == ()


@given(st.lists(st.floats(0.05, LOAD_KG_MAX), min_size=LOADS_MAX, max_size=LOADS_MAX))
def test_any_plates_that_a_place_may_have_are_taken(plates_kg: list[float]) -> None:
    loads = loads_kg("back-squat", Place(name="odd", plates_kg=tuple(plates_kg)))
    assert loads[0] == 20.0
    assert list(loads) == sorted(set(loads))
    assert loads[-1] <= 1000.0
