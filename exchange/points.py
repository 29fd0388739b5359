"""Heart rates as files tell them, checked and in order, and as frames of one a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from domain.errors import InvalidFile
from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId
from exchange.workouts import POINTS_MAX, RATE_MAX, RATE_MIN, LeftOutError, Reading

HOLD_MS = 15_000  # watches write a rate when it changes; after a longer silence nobody knows
FRAME_SAMPLES = 60
SENSOR = "h"

Points = Sequence[tuple[int, float]]


class Gathered:
    """The points of one workout as they come."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._rates: dict[int, float] = {}
        self._count = 0

    def add(self, line_nr: int, at_ms: int, rate: float) -> None:
        """Take a point, or leave out one that no heart can be; raises InvalidFile for too many."""
        self._count += 1
        if self._count > POINTS_MAX:
            raise InvalidFile(f"{self._reading.file} has too many points", expected=f"at most {POINTS_MAX}")
        if not RATE_MIN <= rate <= RATE_MAX:
            words = f"{rate:g} beats a minute: expected {RATE_MIN:g} to {RATE_MAX:g}"
            self._reading.leave_out(line_nr, words)
            return
        self._rates[at_ms] = rate

    def points(self) -> tuple[tuple[int, float], ...]:
        """By time; of one time the last."""
        return tuple(sorted(self._rates.items()))


def rate_of(text: str) -> float:
    """Beats a minute; raises LeftOutError."""
    try:
        return float(text)
    except ValueError:
        raise LeftOutError(f"{text[:40]!r} is no heart rate") from None


def frames(session: SessionId, stream: StreamId, points: Points) -> Iterator[SensorFrame]:
    """One sample a second, each the last rate that was told; none where the last is older than HOLD_MS."""
    number = 0
    for start_ms, rates in _pieces(points):
        for first in range(0, len(rates), FRAME_SAMPLES):
            values = np.array(rates[first : first + FRAME_SAMPLES], np.float32).reshape(-1, 1)
            yield SensorFrame(
                session=session,
                stream=stream,
                sequence_nr=number,
                sensor=SENSOR,
                start_ms=start_ms + 1000 * first,
                rate_hz=1.0,
                scale=scale_for(SENSOR),
                samples=pack_samples(values, scale_for(SENSOR)),
            )
            number += 1


def of_frames(stored: Sequence[SensorFrame]) -> tuple[tuple[int, float], ...]:
    """The points that frames of heart rate hold, to a tenth of a beat."""
    return tuple(
        (round(frame.start_ms + number * 1000 / frame.rate_hz), round(float(value), 1))
        for frame in stored
        for number, value in enumerate(frame.values()[:, 0])
    )


def _pieces(points: Points) -> Iterator[tuple[int, list[float]]]:
    """Whole seconds without a gap: the first one's time, and a rate for each."""
    rates: list[float] = []
    start_ms = 0
    for (at_ms, rate), following in zip(points, [*points[1:], None], strict=False):
        if not rates:
            start_ms = at_ms // 1000 * 1000
        done_ms = start_ms + 1000 * len(rates)
        until_ms = at_ms + 1000 if following is None or following[0] - at_ms > HOLD_MS else following[0]
        rates += [rate] * max(0, -(-(until_ms - done_ms) // 1000))
        if following is None or following[0] - at_ms > HOLD_MS:
            yield start_ms, rates
            rates = []
