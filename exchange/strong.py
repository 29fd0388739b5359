"""CSV exports of Strong: one row a set, of the apps for iOS and Android of several years.

Their columns, separated by commas or semicolons; which there are differs, what they mean does not:

    Workout #  Date  Workout Name  Duration | Duration (sec) | Workout Duration  Exercise Name  Set Order
    Weight | Weight (kg) | Weight (lbs)  Weight Unit  Reps  RPE  Distance...  Seconds  Notes  Workout Notes

`Set Order` is a number, or W, D or F for a warm-up, drop set or failure; rows of `Rest Timer` and `Note` are
no sets. Zero means that nothing was written down. Dates are of the phone's clock, without a zone.
"""

from __future__ import annotations

from datetime import tzinfo

from domain.errors import InvalidFile
from exchange.grouping import Workouts
from exchange.tables import Row, rows
from exchange.values import number, seconds, time_ms
from exchange.workouts import (
    ForeignSet,
    LeftOutError,
    Reading,
    check_repetitions,
    check_seconds,
    check_weight,
)

NEEDED = frozenset({"date", "workout name", "exercise name", "set order", "reps"})
_NO_SETS = ("rest timer", "note", "pausentimer")
_DURATIONS = ("duration (sec)", "duration", "workout duration")
_UNITS = {"kg": "kg", "kgs": "kg", "lb": "lb", "lbs": "lb"}


def read(text: str, reading: Reading, zone: tzinfo, unit: str | None) -> None:
    """`unit` is of files that do not say it; without one they raise InvalidFile."""
    workouts = Workouts()
    for row in rows(text, reading.file):
        if row["set order"].lower() in _NO_SETS:
            continue
        try:
            start_ms = time_ms(row["date"], zone)
            length_s = seconds(next((row[name] for name in _DURATIONS if row[name]), ""))
            end_ms = start_ms + round(1000 * length_s) if length_s else None
            found = _set(row, reading.file, unit)
        except LeftOutError as error:
            reading.leave_out(row.line_nr, str(error))
            continue
        key = (row["workout #"], row["date"], row["workout name"])
        workouts.add(key, row["workout name"], start_ms, end_ms, found)
    workouts.put_into(reading)


def _set(row: Row, file: str, unit: str | None) -> ForeignSet:
    if not row["exercise name"]:
        raise LeftOutError("a set without an exercise")
    repetitions = check_repetitions(number(row["reps"])) or None
    length_s = check_seconds(number(row["seconds"]))
    if repetitions is None and length_s is None:
        raise LeftOutError(f"{row['exercise name'][:60]}: neither repetitions nor seconds")
    return ForeignSet(
        name=row["exercise name"],
        repetitions=repetitions,
        weight_kg=_weight(row, file, unit),
        seconds=length_s,
        line_nr=row.line_nr,
    )


def _weight(row: Row, file: str, unit: str | None) -> float | None:
    for column, known in (("weight (kg)", "kg"), ("weight (lbs)", "lb"), ("weight (lb)", "lb")):
        if row[column]:
            return check_weight(number(row[column]), known) or None
    weight = number(row["weight"]) or None
    if weight is None:
        return None
    told = _UNITS.get(row["weight unit"].lower(), unit)
    if told is None:
        raise InvalidFile(
            f"{file}, line {row.line_nr}: nothing says whether {weight:g} is kg or lb",
            remedy="say it with --weight-unit",
        )
    return check_weight(weight, told)
