"""What can be loaded at a place: plates on a bar, dumbbells on the rack, a stack's steps."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

from coach.catalogue import meanings
from domain.commands import WEIGHT_KG_MAX
from domain.training import Place

STEP_KG = 2.5  # where nobody said what there is
UNIT_KG = 0.05  # sums of plates are rounded to this


def loads_kg(exercise: str, place: Place | None) -> tuple[float, ...]:
    """What may be loaded for `exercise`, lightest first; empty where that is not known."""
    if place is None:
        return ()
    for meaning in meanings(exercise):
        match meaning.loader:
            case "barbell" | "trap-bar" if place.plates_kg:
                return _on_a_bar(place.bar_kg, place.plates_kg)
            case "dumbbell" | "kettlebell" if place.dumbbells_kg:
                return tuple(sorted(set(place.dumbbells_kg)))
            case "machine" | "cable" if place.stacks_kg:
                return tuple(sorted(set(place.stacks_kg)))
    return ()


def loadable_kg(weight_kg: float, exercise: str, place: Place | None) -> float:
    """The heaviest that can be loaded and is no heavier than `weight_kg`; the lightest if all are heavier."""
    loads = loads_kg(exercise, place)
    if not loads:
        return min(WEIGHT_KG_MAX, round(weight_kg, 2))
    return loads[max(0, bisect_right(loads, weight_kg + UNIT_KG / 2) - 1)]


def heavier_kg(weight_kg: float, exercise: str, place: Place | None) -> float:
    """The next heavier load; the same where there is none."""
    loads = loads_kg(exercise, place)
    if not loads:
        return min(WEIGHT_KG_MAX, weight_kg + STEP_KG)
    return loads[min(len(loads) - 1, bisect_right(loads, weight_kg + UNIT_KG / 2))]


def lighter_kg(weight_kg: float, share: float, exercise: str, place: Place | None) -> float:
    """At most `share` of `weight_kg`, on a step where nobody said what there is."""
    if loads_kg(exercise, place):
        return loadable_kg(weight_kg * share, exercise, place)
    return max(0.0, round(weight_kg * share // STEP_KG * STEP_KG, 2)) or round(weight_kg * share, 2)


@lru_cache(maxsize=256)
def _on_a_bar(bar_kg: float, plates_kg: tuple[float, ...]) -> tuple[float, ...]:
    """The bar with any of the pairs of plates; the sums are the set bits of a number."""
    sums = 1
    for plate_kg in plates_kg:
        sums |= sums << round(2 * plate_kg / UNIT_KG)
    most = round((WEIGHT_KG_MAX - bar_kg) / UNIT_KG)
    return tuple(
        round(bar_kg + unit * UNIT_KG, 2)
        for unit, bit in enumerate(reversed(f"{sums:b}"))
        if bit == "1" and unit <= most
    )
