"""CSV exports of Hevy: one row a set, with the columns

    title start_time end_time description exercise_title superset_id exercise_notes set_index set_type
    weight_kg | weight_lbs  reps  distance_km | distance_miles  duration_seconds  rpe

Times are of the phone's clock, without a zone, with the month in the app's language: `22 Dec 2025, 08:00`.
"""

from __future__ import annotations

from datetime import tzinfo

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

NEEDED = frozenset({"title", "start_time", "exercise_title", "set_index", "reps"})


def read(text: str, reading: Reading, zone: tzinfo) -> None:
    workouts = Workouts()
    for row in rows(text, reading.file):
        try:
            start_ms = time_ms(row["start_time"], zone)
            end_ms = time_ms(row["end_time"], zone) if row["end_time"] else None
            found = _set(row)
        except LeftOutError as error:
            reading.leave_out(row.line_nr, str(error))
            continue
        workouts.add((row["title"], row["start_time"]), row["title"], start_ms, end_ms, found)
    workouts.put_into(reading)


def _set(row: Row) -> ForeignSet:
    if not row["exercise_title"]:
        raise LeftOutError("a set without an exercise")
    repetitions = check_repetitions(number(row["reps"])) or None
    length_s = check_seconds(number(row["duration_seconds"]))
    if repetitions is None and length_s is None:
        raise LeftOutError(f"{row['exercise_title'][:60]}: neither repetitions nor seconds")
    kilograms, pounds = number(row["weight_kg"]), number(row["weight_lbs"])
    weight_kg = check_weight(kilograms, "kg") if kilograms else check_weight(pounds, "lb")
    return ForeignSet(
        name=row["exercise_title"],
        repetitions=repetitions,
        weight_kg=weight_kg or None,
        seconds=length_s,
        line_nr=row.line_nr,
    )
