"""Sessions as a CSV file that Strong's importers read: the columns of its present export, in kilograms.

Times are of a clock in `zone`. Strong has no column for the time of a set. What has no repetitions
has its length in `Seconds`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, tzinfo

from exchange.names import program_name
from exchange.written import Written

COLUMNS = (
    "Workout #",
    "Date",
    "Workout Name",
    "Duration (sec)",
    "Exercise Name",
    "Set Order",
    "Weight (kg)",
    "Reps",
    "RPE",
    "Distance (meters)",
    "Seconds",
    "Notes",
    "Workout Notes",
)
FORMULAS = "=+-@\t\r"  # a spreadsheet would run what begins so


def write(workouts: Sequence[Written], zone: tzinfo) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, workout in enumerate(workouts, start=1):
        at = datetime.fromtimestamp(workout.start_ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
        length_s = round((workout.end_ms - workout.start_ms) / 1000)
        orders: Counter[str] = Counter()
        for done in workout.sets:
            orders[done.exercise] += 1
            writer.writerow(
                [
                    number,
                    at,
                    _plain(workout.session),
                    length_s,
                    _plain(program_name(done.exercise)),
                    orders[done.exercise],
                    "" if done.weight_kg is None else f"{done.weight_kg:g}",
                    "" if done.repetitions is None else done.repetitions,
                    "",
                    "",
                    max(1, round((done.end_ms - done.start_ms) / 1000)) if done.repetitions is None else "",
                    "",
                    "",
                ]
            )
    return text.getvalue().encode()


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in FORMULAS else text
