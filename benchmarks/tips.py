"""Tips on form: how many injected faults they find in real recordings, and how often they are wrong.

    python -m benchmarks.tips --recordings DIR... [--json FILE] [--fit]

DIR is a data set as edge.recordings.load_directory reads it. A set is a recording of an exercise in which
repetitions are found. Each set is judged as it is, where every tip counts as false, and with each fault of
benchmarks/tip_faults.py, where a tip of the fault's kind is right and any other wrong. Faults that people
really had are in ptexercises, of whose five sensors the one that moves most is looked at: a third of the
repetitions is done right, a third too quickly, a third with too little reach.

Half of the sessions are for development, sorted, every other one from the first (of data sets with several
people, half of the people). `--fit` chooses the limits of coach/tips/signs.py on those and prints them; all
figures are of the other half unless they say otherwise. The baseline is told by limits on the coefficients of
variation of tempo and range, also chosen on the development half.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tip_faults import FAULTS
from benchmarks.tip_limits import (
    FALSE_SHARE,
    RANGE,
    TEMPO,
    as_table,
    baseline_tip,
    chosen_baseline,
    chosen_limits,
    variation,
)
from benchmarks.tip_others import Named, beside_own_best, both_sides, during
from coach.form import Movement, learn, measure
from coach.form.reference import compare
from coach.repetitions.result import first_of
from coach.tips import Judge
from coach.tips.signs import REPETITIONS_MIN, Sign, signs
from domain.care import NO_CARE
from domain.recording import REST, Recording
from edge.recordings import load_directory

NONE = "none"  # what is wrong with a set as it was recorded
_PACKET = 112  # samples of a Pebble's packet: muvr's recordings of whole packets lost some
BASELINE_KINDS = {"shorter": RANGE, "faster": TEMPO, "irregular": TEMPO, "stuck": TEMPO, "momentum": RANGE}
_WITH_FAULTS = "ptexercises"
REPETITIONS_RIGHT = 3  # at the beginning of its templates


@dataclass(frozen=True, kw_only=True, eq=False)
class TipSet:
    """What is made of a set as recorded, and with each fault; `seconds` is what judging the first took."""

    name: str
    development: bool
    tips: dict[str, str | None]
    signs: dict[str, tuple[Sign, ...]]
    variations: dict[str, tuple[float, float]]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--fit", action="store_true", help="choose limits on the development halves")
    arguments = parser.parse_args()
    data_sets: dict[str, list[TipSet]] = {}
    others: dict[str, Any] = {}
    real: dict[str, Any] = {}
    for directory in arguments.recordings:
        recordings = load_directory(directory)
        if directory.name == _WITH_FAULTS:
            real = real_faults(recordings)
            continue
        named = named_sets(directory.name, recordings)
        data_sets[directory.name] = [tip_set(directory.name, each) for each in named]
        if not arguments.fit:
            others[directory.name] = _others(named)
    if arguments.fit:
        print(json.dumps(chosen_limits(_tables(data_sets)), indent=4))
        return
    baseline = chosen_baseline(_variations(data_sets))
    figures = {
        "false_tips_per_set_aimed_at": FALSE_SHARE,
        "baseline_limits": baseline,
        "data_sets": {name: _figures(sets, baseline) for name, sets in data_sets.items()},
        "others_held_out": others,
        "real_faults": real,
        "not_measured": "heart rate and bounds of programmes, of which there are no recordings",
    }
    text = json.dumps(figures, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)


def named_sets(name: str, recordings: Iterable[Recording]) -> list[Named]:
    """The sets of a data set in which repetitions are found."""
    sets = [each for each in recordings if each.label != REST]
    if name == "muvr":
        sets = [each for each in sets if len(each.values["a"]) % _PACKET]
    several = len({each.subject for each in sets}) > 1
    units = {each.name: each.subject if several else each.session for each in sets}
    development = set(sorted(set(units.values()))[::2])
    named = [
        Named(recording=each, movement=_movement(each), development=units[each.name] in development)
        for each in sets
    ]
    return [each for each in named if each.movement.found.count]


def tip_set(name: str, each: Named) -> TipSet:
    """What is made of a set as it was recorded and with each fault."""
    movements = {NONE: each.movement}
    if each.movement.found.count >= REPETITIONS_MIN:
        random = np.random.default_rng(zlib.crc32(f"{name}/{each.recording.name}".encode()))
        movements |= {
            kind: Movement.counted(fault(each.movement, random), each.movement.rate_hz)
            for kind, fault in FAULTS.items()
        }
    return _judged(each.recording.name, each.development, movements)


def real_faults(recordings: Iterable[Recording]) -> dict[str, Any]:
    """ptexercises: a third of the repetitions right, a third too quick, a third with too little reach.

    `tips` counts the kinds of tips, of templates (9 repetitions) and of tests (30). `outside`: of the tests
    whose template is of the same sensor, the shares of each third's repetitions whose tempo or range is below
    0.75 of what it is in the template's first three.
    """
    moving = {(each.session, each.label): each for each in _exercise_sets(recordings)}
    movements = {key: _movement(each) for key, each in moving.items()}
    tips: dict[str, Counter[str]] = {"template": Counter(), "test": Counter()}
    outside: dict[str, list[float]] = {"right": [], "too quick": [], "too little reach": []}
    for (session, label), movement in movements.items():
        person, _, kind = session.partition("-")
        tips[kind][_tip_of(movement) or NONE] += 1
        key = f"{person}-template", label
        template = movements.get(key)
        if kind == "template" or template is None or moving[key].location != moving[session, label].location:
            continue
        right = Movement(
            values=template.values,
            rate_hz=template.rate_hz,
            found=first_of(template.found, REPETITIONS_RIGHT),
        )
        form = compare(learn([right]), movement)
        thirds = np.array_split(np.minimum(form.tempo_ratio, form.range_ratio) < 0.75, len(outside))
        for which, third in zip(outside, thirds, strict=True):
            outside[which].append(float(third.mean()) if len(third) else 0.0)
    shares = {which: round(float(np.mean(of_third)), 3) for which, of_third in outside.items()}
    return {
        **{name: dict(found) for name, found in tips.items()},
        "outside": shares,
        "compared": len(outside["right"]),
    }


def _others(named: list[Named]) -> dict[str, Any]:
    held_out = [each for each in named if not each.development]
    return {
        "while_it_goes_on": during(held_out),
        "beside_own_best": beside_own_best(held_out),
        "sides": both_sides(held_out),
    }


def _exercise_sets(recordings: Iterable[Recording]) -> list[Recording]:
    """Of the sensors that recorded an exercise at once the one whose acceleration varies most."""
    moving: dict[tuple[str, str], Recording] = {}
    for each in recordings:
        key = each.session, each.label
        if each.label != REST and (key not in moving or _variance(each) > _variance(moving[key])):
            moving[key] = each
    return list(moving.values())


def _variance(recording: Recording) -> float:
    return float(recording.values["a"].var(axis=0).sum())


def _movement(recording: Recording) -> Movement:
    length = min(len(values) for values in recording.values.values())
    values = np.concatenate([each[:length] for each in recording.values.values()], axis=1)
    return Movement.counted(values.astype(np.float64), recording.rate_hz)


def _judged(name: str, development: bool, movements: dict[str, Movement]) -> TipSet:
    started = time.process_time()
    _tip_of(movements[NONE])
    seconds = time.process_time() - started
    return TipSet(
        name=name,
        development=development,
        tips={kind: _tip_of(movement) for kind, movement in movements.items()},
        signs={kind: _signs_of(movement) for kind, movement in movements.items()},
        variations={kind: variation(movement) for kind, movement in movements.items()},
        seconds=seconds,
    )


def _tip_of(movement: Movement) -> str | None:
    judged = Judge(care=NO_CARE).after(movement, "exercise", movement.found.count, 0, 1)
    return None if judged is None or judged.tip is None else judged.tip.kind


def _signs_of(movement: Movement) -> tuple[Sign, ...]:
    return tuple(signs(measure(movement)))


def _tables(data_sets: dict[str, list[TipSet]]) -> dict[str, Any]:
    """Of the development sets, for `chosen_limits`."""
    tables: dict[str, Any] = {}
    for kind in FAULTS:
        tables[kind] = {
            name: tuple(
                as_table([_sign(each, of, kind) for each in sets if each.development and of in each.signs])
                for of in (NONE, kind)
            )
            for name, sets in data_sets.items()
        }
    return tables


def _sign(each: TipSet, of: str, kind: str) -> Sign | None:
    return next((sign for sign in each.signs[of] if sign.kind == kind), None)


def _variations(data_sets: dict[str, list[TipSet]]) -> list[list[tuple[float, float]]]:
    return [[each.variations[NONE] for each in sets if each.development] for sets in data_sets.values()]


def _figures(sets: list[TipSet], baseline: dict[str, float]) -> dict[str, Any]:
    """Of a data set's held-out half, and of its development half for comparison."""
    held_out = [each for each in sets if not each.development]
    development = [each for each in sets if each.development]
    told = {
        "held_out": _told(held_out, lambda each, of: each.tips[of], {kind: kind for kind in FAULTS}),
        "development": _told(development, lambda each, of: each.tips[of], {kind: kind for kind in FAULTS}),
        "baseline_held_out": _told(
            held_out, lambda each, of: baseline_tip(each.variations[of], baseline), BASELINE_KINDS
        ),
    }
    milliseconds = [1000 * each.seconds for each in sets]
    return {
        **told,
        "milliseconds_per_set": {
            "median": round(float(np.median(milliseconds)), 2),
            "most": round(max(milliseconds), 2),
        },
    }


def _told(sets: list[TipSet], tip_of: Callable[[TipSet, str], str | None], right: dict[str, str]) -> Any:
    """False tips of undisturbed sets; of each fault how many got a tip of the right kind, and any.

    `precision` is of a mixture of as many undisturbed sets as sets with faults, each fault as often.
    """
    false = Counter(tip for each in sets if (tip := tip_of(each, NONE)) is not None)
    faults, rights, wrongs = {}, [], []
    for kind in FAULTS:
        tips = [tip_of(each, kind) for each in sets if kind in each.tips]
        rights.append(float(np.mean([tip == right[kind] for tip in tips])))
        wrongs.append(float(np.mean([tip is not None and tip != right[kind] for tip in tips])))
        faults[kind] = {"sets": len(tips), "recall": round(rights[-1], 3), "wrong_kind": round(wrongs[-1], 3)}
    false_share = sum(false.values()) / max(1, len(sets))
    found, mistaken = float(np.mean(rights)), float(np.mean(wrongs)) + false_share
    return {
        "sets": len(sets),
        "false_tips": dict(false),
        "false_tips_per_set": round(false_share, 4),
        "recall": round(found, 3),
        "precision": round(found / (found + mistaken), 3) if found + mistaken else None,
        "faults": faults,
    }


if __name__ == "__main__":
    main()
