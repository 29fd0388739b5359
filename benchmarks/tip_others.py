"""Tips that are not about a set beside itself: while it goes on, beside a reference, and of two sides."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tip_faults import collapsed, scaled, swung_aside
from coach.form import FormReference, Movement, compare, is_better, kept, learn, unpacked
from coach.repetitions import CountingParameters, count
from coach.tips.collapsing import collapse_tip
from coach.tips.differing import difference_tip, parts_of
from coach.tips.judging import CONFIDENCE_MIN
from coach.tips.siding import side_tip
from coach.tips.signs import REPETITIONS_MIN
from domain.form import KeptForm
from domain.recording import Recording

FloatArray = npt.NDArray[np.float64]

_COUNT_EVERY_S = 3.0  # as edge/recogniser.py does
_QUICK = CountingParameters(candidates=1, phases=2, swings=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Named:
    """A set with what is needed to put it beside others."""

    recording: Recording
    movement: Movement
    development: bool


def during(sets: Iterable[Named]) -> dict[str, Any]:
    """Sets that are told to have collapsed while they go on, as recorded and with a collapse."""
    told: dict[str, list[bool]] = {"false": [], "recall": []}
    for each in sets:
        told["false"].append(_collapses(each.movement))
        if each.movement.found.count >= 9:
            random = _random(each)
            values = collapsed(each.movement, random)
            told["recall"].append(_collapses(Movement.counted(values, each.movement.rate_hz)))
    return {"sets": len(told["false"]), **_shares(told)}


def beside_own_best(sets: Iterable[Named]) -> dict[str, Any]:
    """Each set beside the best one before it of the same person and exercise, as recorded and swung aside.

    `part_right`: of the tips about the latter those that name the part in which it was.
    """
    best: dict[tuple[str, str, str], KeptForm] = {}
    told: dict[str, list[bool]] = {"false": [], "recall": [], "part_right": []}
    for each in sorted(sets, key=lambda one: (one.recording.session, one.recording.name)):
        movement, recording = each.movement, each.recording
        if movement.found.count < REPETITIONS_MIN or movement.found.confidence < CONFIDENCE_MIN:
            continue
        key = recording.subject, recording.label, recording.location
        if key in best:
            _beside(unpacked(best[key]), each, told)
        fresh = learn([movement])
        small = kept(fresh)
        if small is not None and (key not in best or is_better(fresh, best[key])):
            best[key] = small
    return {"sets": len(told["false"]), **_shares(told)}


def both_sides(sets: Iterable[Named]) -> dict[str, Any]:
    """Pairs of recordings of the left and the right hand, as recorded and with one side scaled down."""
    told: dict[str, list[bool]] = {"false": [], "recall": []}
    for left, right in _pairs(sets):
        told["false"].append(side_tip(left.movement, right.movement, "exercise") is not None)
        if min(left.movement.found.count, right.movement.found.count) >= REPETITIONS_MIN:
            random = _random(left)
            values = scaled(right.movement, random)
            less = Movement.counted(values, right.movement.rate_hz)
            found = side_tip(left.movement, less, "exercise")
            told["recall"].append(found is not None and "right side" in found.text)
    return {"pairs": len(told["false"]), **_shares(told)}


def _collapses(movement: Movement) -> bool:
    """Whether the tip is given at any of the counts while the set goes on."""
    step = round(_COUNT_EVERY_S * movement.rate_hz)
    for end in range(step, len(movement.values), step):
        found = count(movement.values[:end], movement.rate_hz, _QUICK)
        if found.confidence >= CONFIDENCE_MIN and collapse_tip(found, "exercise") is not None:
            return True
    return False


def _beside(reference: FormReference, each: Named, told: Mapping[str, list[bool]]) -> None:
    if reference.course.shape[1] != each.movement.values.shape[1]:
        return
    told["false"].append(difference_tip(compare(reference, each.movement), reference, "exercise") is not None)
    random = _random(each)
    values, quarter = swung_aside(each.movement, random)
    other = Movement(values=values, rate_hz=each.movement.rate_hz, found=each.movement.found)
    tip = difference_tip(compare(reference, other), reference, "exercise")
    told["recall"].append(tip is not None)
    if tip is not None:
        parts = list(parts_of(reference.course))
        named = next((number for number, name in enumerate(parts) if name in tip.text), -1)
        told["part_right"].append(named == quarter * len(parts) // 4)


def _pairs(sets: Iterable[Named]) -> Iterator[tuple[Named, Named]]:
    """Recordings of the two hands that stand beside each other in an index and are equally long."""
    hands: dict[str, Named] = {}
    for each in sets:
        location = each.recording.location
        if location == "right_hand":
            hands = {"right": each}
        elif location == "left_hand" and "right" in hands:
            right = hands.pop("right")
            if len(right.movement.values) == len(each.movement.values):
                yield each, right


def _random(each: Named) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(each.recording.name.encode()))


def _shares(told: Mapping[str, list[bool]]) -> dict[str, float | None]:
    return {name: round(float(np.mean(found)), 4) if found else None for name, found in told.items()}
