"""GPX 1.1 tracks with Garmin's TrackPointExtension or alike: heart rates. Each `trk` is a workout."""

from __future__ import annotations

from datetime import UTC

from exchange.points import Gathered, rate_of
from exchange.values import time_ms
from exchange.workouts import LeftOutError, Reading, Workout
from exchange.xml import Element, parse

ROOT = "gpx"
_RATES = ("hr", "heartrate")


def read(data: bytes, reading: Reading) -> None:
    tracks = _Tracks(reading)
    parse(data, reading.file, tracks.began, tracks.ended)


class _Tracks:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._forget(0)

    def began(self, element: Element) -> None:
        if element.path[-1] == "trk":
            self._forget(element.line_nr)
        elif element.path[-1] == "trkpt":
            self._at, self._rate = "", ""

    def ended(self, element: Element) -> None:
        name, above = element.path[-1], element.path[-2:-1]
        if name == "name" and above == ("trk",):
            self._title = element.text
        elif name == "time" and above == ("trkpt",):
            self._at = element.text
        elif name.lower() in _RATES and "trkpt" in element.path:
            self._rate = element.text
        elif name == "trkpt":
            self._point(element.line_nr)
        elif name == "trk":
            self._end()

    def _forget(self, line_nr: int) -> None:
        self._line_nr, self._title = line_nr, ""
        self._at, self._rate = "", ""
        self._points = Gathered(self._reading)

    def _point(self, line_nr: int) -> None:
        if not self._at or not self._rate:
            return
        try:
            self._points.add(line_nr, time_ms(self._at, UTC), rate_of(self._rate))
        except LeftOutError as error:
            self._reading.leave_out(line_nr, str(error))

    def _end(self) -> None:
        points = self._points.points()
        if not points:
            self._reading.leave_out(self._line_nr, "a track without a heart rate")
            return
        self._reading.add(
            Workout(
                title=self._title or "track",
                start_ms=points[0][0],
                end_ms=points[-1][0] + 1000,
                sets=(),
                heart_rate=points,
                line_nr=self._line_nr,
            )
        )
