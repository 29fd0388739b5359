"""What a file's workouts become in muvr: sessions with names that follow from them, and confirmed sets.

The same workout of the same file always has the same name, so that importing it again is known.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec.structs import replace

from domain.contributed import Contributed
from domain.identifiers import SessionId
from exchange.names import Names, exercise_of, own_name
from exchange.timing import end_ms, spans
from exchange.workouts import ForeignSet, Reading, Workout
from exchange.written import Written, WrittenSet


@dataclass
class Planned:
    """`unknown` counts sets by the names of exercises that nobody knows, with the line of the first."""

    sessions: list[Written] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    unknown_lines: dict[str, int] = field(default_factory=dict)


def plan(reading: Reading, names: Names, *, keep_unknown: bool) -> Planned:
    """With `keep_unknown` an exercise that nobody knows keeps its own name, else its sets are left out."""
    planned, described = Planned(), dict(names.described)
    for workout in reading.workouts:
        sets = []
        for found, (start_ms, finish_ms) in zip(workout.sets, spans(workout), strict=True):
            exercise = _exercise(found, names.means, planned, keep_unknown=keep_unknown)
            if exercise is not None:
                sets.append(
                    WrittenSet(
                        start_ms=start_ms,
                        end_ms=finish_ms,
                        exercise=exercise,
                        repetitions=found.repetitions,
                        weight_kg=found.weight_kg,
                    )
                )
        if sets or workout.heart_rate:
            told = [described.pop(name) for name in {each.exercise for each in sets} & described.keys()]
            planned.sessions.append(_session(reading.program, workout, tuple(sets), told))
    return planned


def session_name(program: str, workout: Workout) -> SessionId:
    """As `strong-20250630T195600-1a2b3c4d5e6f`."""
    at = datetime.fromtimestamp(workout.start_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    told = f"{program}\0{workout.start_ms}\0{workout.title}".encode(errors="replace")
    return SessionId(f"{program}-{at}-{hashlib.sha256(told).hexdigest()[:12]}")


def _exercise(
    found: ForeignSet, names: Mapping[str, str], planned: Planned, *, keep_unknown: bool
) -> str | None:
    exercise = exercise_of(found.name, names)
    if exercise is not None:
        return exercise
    planned.unknown[found.name] += 1
    planned.unknown_lines.setdefault(found.name, found.line_nr)
    return own_name(found.name) if keep_unknown else None


def _session(
    program: str, workout: Workout, sets: tuple[WrittenSet, ...], described: Sequence[Contributed]
) -> Written:
    return Written(
        session=session_name(program, workout),
        start_ms=workout.start_ms,
        end_ms=end_ms(workout, [(each.start_ms, each.end_ms) for each in sets]),
        sets=sets,
        heart_rate=workout.heart_rate,
        described=tuple(
            replace(each, at_ms=workout.start_ms) for each in sorted(described, key=lambda each: each.name)
        ),
    )
