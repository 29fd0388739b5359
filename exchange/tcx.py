"""TCX, Garmin's Training Center XML (TrainingCenterDatabasev2.xsd): heart rates; sets as muvr writes them.

Each `Activity` is a workout. A lap's `Notes` like `muvr: bench-press, 10 repetitions, 80.00 kg` are a set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from exchange.points import Gathered, rate_of
from exchange.values import number, time_ms
from exchange.workouts import (
    ForeignSet,
    LeftOutError,
    Reading,
    Workout,
    check_repetitions,
    check_seconds,
    check_weight,
)
from exchange.written import Written, WrittenSet
from exchange.xml import Element, parse

ROOT = "TrainingCenterDatabase"
_SET = re.compile(
    r"muvr: ([\w.:@-]{1,64})(?:, (\d{1,5}) repetitions)?(?:, (\d{1,4}(?:\.\d{1,2})?) kg)?\Z", re.ASCII
)
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2">
 <Activities>
"""
_TAIL = " </Activities>\n</TrainingCenterDatabase>\n"


def read(data: bytes, reading: Reading) -> None:
    activities = _Activities(reading)
    parse(data, reading.file, activities.began, activities.ended)


def write(workouts: Sequence[Written]) -> bytes:
    """Each workout an activity: a lap for each set, and one of rest for the time between."""
    return (_HEAD + "".join(map(_activity, workouts)) + _TAIL).encode()


class _Activities:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._forget(0)

    def began(self, element: Element) -> None:
        if element.path[-1] == "Activity":
            self._forget(element.line_nr)
        elif element.path[-2:] == ("Activity", "Lap"):
            self._lap = (element.attributes.get("StartTime", ""), element.line_nr)
            self._length, self._notes = "", ""
        elif element.path[-1] == "Trackpoint":
            self._at, self._rate = "", ""

    def ended(self, element: Element) -> None:
        name, above = element.path[-1], element.path[-2:-1]
        if name == "Id" and above == ("Activity",):
            self._title = element.text
        elif name == "TotalTimeSeconds" and above == ("Lap",):
            self._length = element.text
        elif name == "Notes" and above == ("Lap",):
            self._notes = element.text
        elif name == "Time" and above == ("Trackpoint",):
            self._at = element.text
        elif name == "Value" and above == ("HeartRateBpm",):
            self._rate = element.text
        elif name == "Trackpoint":
            self._try(element.line_nr, self._point)
        elif name == "Lap" and above == ("Activity",):
            self._try(element.line_nr, self._end_lap)
        elif name == "Activity":
            self._end_activity()

    def _forget(self, line_nr: int) -> None:
        self._line_nr, self._title = line_nr, ""
        self._lap, self._length, self._notes = ("", 0), "", ""
        self._at, self._rate = "", ""
        self._points = Gathered(self._reading)
        self._sets: list[ForeignSet] = []
        self._spans: list[tuple[int, int]] = []

    def _try(self, line_nr: int, take: Callable[[int], None]) -> None:
        try:
            take(line_nr)
        except LeftOutError as error:
            self._reading.leave_out(line_nr, str(error))

    def _point(self, line_nr: int) -> None:
        if self._at and self._rate:
            self._points.add(line_nr, time_ms(self._at, UTC), rate_of(self._rate))

    def _end_lap(self, line_nr: int) -> None:
        start_ms = time_ms(self._lap[0], UTC)
        length_s = number(self._length) or 0.0
        self._spans.append((start_ms, start_ms + round(1000 * length_s)))
        if found := _SET.match(self._notes):
            name, repetitions, weight = found.groups()
            self._sets.append(
                ForeignSet(
                    name=name,
                    repetitions=check_repetitions(number(repetitions or "")),
                    weight_kg=check_weight(number(weight or ""), "kg"),
                    seconds=check_seconds(length_s),
                    start_ms=start_ms,
                    line_nr=line_nr,
                )
            )

    def _end_activity(self) -> None:
        points = self._points.points()
        starts = [start for start, _ in self._spans] or [at_ms for at_ms, _ in points[:1]]
        ends = [end for _, end in self._spans] + [at_ms + 1000 for at_ms, _ in points[-1:]]
        if not starts:
            self._reading.leave_out(self._line_nr, "an activity without a time")
            return
        self._reading.add(
            Workout(
                title=self._title or "activity",
                start_ms=min(starts),
                end_ms=max(ends) if max(ends) > min(starts) else None,
                sets=tuple(sorted(self._sets, key=lambda each: each.start_ms or 0)),
                heart_rate=points,
                line_nr=self._line_nr,
            )
        )


def _activity(workout: Written) -> str:
    laps = "".join(_laps(workout))
    return f'  <Activity Sport="Other">\n   <Id>{_iso(workout.start_ms)}</Id>\n{laps}  </Activity>\n'


def _laps(workout: Written) -> Iterator[str]:
    at_ms = workout.start_ms
    for done in workout.sets:
        if done.start_ms > at_ms:
            yield _lap(workout, at_ms, done.start_ms, None)
        yield _lap(workout, done.start_ms, done.end_ms, done)
        at_ms = done.end_ms
    if at_ms < workout.end_ms or not workout.sets:
        yield _lap(workout, at_ms, max(workout.end_ms, at_ms + 1), None)


def _lap(workout: Written, start_ms: int, end_ms: int, done: WrittenSet | None) -> str:
    track = "".join(
        f"     <Trackpoint><Time>{_iso(at_ms)}</Time>"
        f"<HeartRateBpm><Value>{round(rate)}</Value></HeartRateBpm></Trackpoint>\n"
        for at_ms, rate in workout.heart_rate
        if start_ms <= at_ms < end_ms
    )
    return (
        f'   <Lap StartTime="{_iso(start_ms)}">\n'
        f"    <TotalTimeSeconds>{(end_ms - start_ms) / 1000:g}</TotalTimeSeconds>\n"
        "    <DistanceMeters>0</DistanceMeters>\n    <Calories>0</Calories>\n"
        f"    <Intensity>{'Active' if done else 'Resting'}</Intensity>\n"
        "    <TriggerMethod>Manual</TriggerMethod>\n"
        + (f"    <Track>\n{track}    </Track>\n" if track else "")
        + (f"    <Notes>{escape(_words(done))}</Notes>\n" if done else "")
        + "   </Lap>\n"
    )


def _words(done: WrittenSet) -> str:
    repetitions = "" if done.repetitions is None else f", {done.repetitions} repetitions"
    weight = "" if done.weight_kg is None else f", {done.weight_kg:.2f} kg"
    return f"muvr: {done.exercise}{repetitions}{weight}"


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
