"""Training logs of wger: entries of its `workoutlog`, as JSON of its API or as CSV with the same columns.

wger has no export of training logs of its own; its API gives them at `/api/v2/workoutlog/` in pages of
`{"results": [...]}`. An entry has `date`, `session`, `exercise` (a number), `repetitions` and `weight`
(numbers as texts), and numbers for their units. An `exercise_name` beside the number is taken
instead; other numbers are found by a table of names. Older versions called them `reps` and `exercise_base`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from domain.errors import InvalidFile
from exchange.grouping import Workouts
from exchange.tables import Row, rows
from exchange.values import number, time_ms
from exchange.workouts import (
    ForeignSet,
    LeftOutError,
    Reading,
    check_repetitions,
    check_seconds,
    check_weight,
)

NEEDED = frozenset({"date", "weight"})
NAMES = ("exercise_name", "exercise", "exercise_base")
ENTRIES_MAX = 1_000_000
_WEIGHT_UNITS = {"": "kg", "1": "kg", "kg": "kg", "2": "lb", "lb": "lb", "3": "body", "body weight": "body"}
_SECONDS = {"3": 1.0, "seconds": 1.0, "4": 60.0, "minutes": 60.0}
_UNTIL = ("2", "until failure", "7", "max reps")
_REPETITIONS = ("", "1", "repetitions")


def is_csv(columns: frozenset[str]) -> bool:
    return (
        columns >= NEEDED
        and any(name in columns for name in NAMES)
        and bool({"reps", "repetitions"} & columns)
    )


def read(text: str, reading: Reading, zone: tzinfo) -> None:
    entries = _of_json(text, reading.file) if text.lstrip()[:1] in ("{", "[") else rows(text, reading.file)
    workouts = Workouts()
    for row in entries:
        try:
            at_ms = time_ms(row["date"], zone)
            found = _set(row)
        except LeftOutError as error:
            reading.leave_out(row.line_nr, str(error))
            continue
        key = row["session"] or row["workout"] or row["date"][:10]
        workouts.add(key, f"wger {row['date'][:10]}", at_ms, at_ms, found)
    workouts.put_into(reading)


def _set(row: Row) -> ForeignSet:
    name = next((row[column] for column in NAMES if row[column]), "")
    if not name:
        raise LeftOutError("a set without an exercise")
    count = number(row["repetitions"] or row["reps"])
    unit = row["repetitions_unit"].lower() or row["repetition_unit"].lower()
    length_s = None
    if unit in _SECONDS:
        count, length_s = None, check_seconds((count or 0) * _SECONDS[unit])
    elif unit in _UNTIL:
        count = None
    elif unit not in _REPETITIONS:
        raise LeftOutError(f"repetitions in unit {unit[:20]!r}, which is neither a count nor a time")
    repetitions = check_repetitions(count) or None
    if repetitions is None and length_s is None and unit not in _UNTIL:
        raise LeftOutError("neither repetitions nor a time")
    return ForeignSet(
        name=name,
        repetitions=repetitions,
        weight_kg=_weight(row),
        seconds=length_s,
        line_nr=row.line_nr,
    )


def _weight(row: Row) -> float | None:
    weight = number(row["weight"]) or None
    unit = _WEIGHT_UNITS.get(row["weight_unit"].lower())
    if weight is None or unit == "body":
        return None
    if unit is None:
        raise LeftOutError(f"a weight in unit {row['weight_unit'][:20]!r}, which is neither kg nor lb")
    return check_weight(weight, unit)


def _of_json(text: str, file: str) -> Iterator[Row]:
    """The entries as rows; their number is that of the entry."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"{file} is no JSON: {error}", remedy="fetch it again") from error
    entries = found.get("results") if isinstance(found, dict) else found
    if not isinstance(entries, list) or len(entries) > ENTRIES_MAX:
        raise InvalidFile(
            f"{file} has no list of entries", expected='{"results": [...]} of /api/v2/workoutlog/'
        )
    for number_, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise InvalidFile(f"{file}, entry {number_} is no object", expected="entries of a workoutlog")
        yield Row(line_nr=number_, fields={str(key): _text(value) for key, value in entry.items()})


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()
