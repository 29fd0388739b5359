"""Recordings to labelled windows, through the frames and the slicer that watches, server and batch use.

So training from a directory sees what a device would have sent: int16 samples, resampled, cut at seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from domain.errors import InvalidInput
from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId
from domain.recording import Recording
from domain.sensors import SENSORS, SensorSet
from domain.windows import LabelledWindow, WindowSlicer

FRAME_SECONDS = 1.0
APART_MS = 60_000  # between two recordings of a session, so that no window spans or overlaps both


def windows_of(recordings: Iterable[Recording], sensor_set: SensorSet) -> Iterator[LabelledWindow]:
    """The windows of `recordings`, a recording at a time, in their order.

    A recording without one of the sensors, or too short for a whole window, has none. Recordings carry no
    time of day: those of a session are laid one after another, whatever was worn where. Raises InvalidInput:
    NaN, infinity, or other axes than the sensor has.
    """
    next_ms: dict[tuple[str, str], int] = {}
    for recording in recordings:
        session = (recording.subject, recording.session)
        start_ms = next_ms.get(session, 0)
        next_ms[session] = start_ms + (round(recording.seconds) + 1) * 1000 + APART_MS
        yield from windows_of_recording(recording, sensor_set, start_ms)


def windows_of_recording(
    recording: Recording, sensor_set: SensorSet, start_ms: int = 0
) -> list[LabelledWindow]:
    """The windows of one recording whose first sample was taken at `start_ms`; see `windows_of`."""
    if not set(sensor_set.letters) <= set(recording.values):
        return []
    slicer = WindowSlicer(sensor_set)
    windows = [
        window for frame in frames_of(recording, sensor_set, start_ms) for window in slicer.push(frame)
    ]
    return [
        LabelledWindow(
            sensor_set=sensor_set,
            subject=recording.subject,
            session=recording.session,
            start_ms=window.start_ms,
            label=recording.label,
            samples=window.samples,
        )
        for window in windows
    ]


def frames_of(recording: Recording, sensor_set: SensorSet, start_ms: int) -> Iterator[SensorFrame]:
    """A recording's frames of about a second, a stream for each sensor, all streams together by time.

    Raises InvalidInput as `windows_of` does.
    """
    for letter in sensor_set.letters:
        _check(recording, letter)
    length = max(1, round(FRAME_SECONDS * recording.rate_hz))
    longest = max(len(recording.values[letter]) for letter in sensor_set.letters)
    for number, first in enumerate(range(0, longest, length)):
        for letter in sensor_set.letters:
            values = recording.values[letter][first : first + length]
            if len(values):
                yield SensorFrame(
                    session=SessionId(recording.session),
                    stream=StreamId(letter),
                    sequence_nr=number,
                    sensor=letter,
                    start_ms=start_ms + round(first * 1000 / recording.rate_hz),
                    rate_hz=recording.rate_hz,
                    scale=scale_for(letter),
                    samples=pack_samples(values, scale_for(letter)),
                )


def _check(recording: Recording, letter: str) -> None:
    values, axes = recording.values[letter], len(SENSORS[letter].axes)
    if values.ndim != 2 or values.shape[1] != axes:
        raise _invalid(recording, f"samples of {SENSORS[letter].name}, {values.shape}", f"[samples, {axes}]")
    if not np.isfinite(values).all():
        raise _invalid(recording, f"NaN or infinity from the {SENSORS[letter].name}", "finite numbers")


def _invalid(recording: Recording, wrong: str, expected: str) -> InvalidInput:
    return InvalidInput(
        f"recording {recording.name!r}: {wrong}", expected=expected, remedy="correct or remove the recording"
    )
