"""The windows of whole sessions, for tests to compare with."""

from __future__ import annotations

from domain.frames import SensorFrame
from domain.sensors import SensorSet
from domain.windows import Window, WindowSlicer


def windows_of(frames: list[SensorFrame], sensor_set: SensorSet, stride_seconds: float) -> list[Window]:
    """All windows of a session's frames; frames in order within each stream, in any order among streams."""
    slicer = WindowSlicer(sensor_set, stride_seconds)
    ordered = sorted(frames, key=lambda frame: frame.start_ms)
    return [window for frame in ordered for window in slicer.push(frame)]
