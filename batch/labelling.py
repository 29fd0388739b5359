"""Which label a window gets: pure rules over times, without Spark.

- A window is labelled with an exercise when it lies wholly inside a confirmed label of it and touches no
  label of another exercise. Where labels of different exercises overlap nobody knows which one was done, so
  that time is dropped; labels of the same exercise may overlap.
- A window is labelled as rest when it keeps REST_MARGIN_MS from every label, since people confirm a set's
  bounds only roughly, and lies between the session's labels or at most REST_BEYOND_MS outside them: who
  confirms labels in a session has rested in between, but may not have worn the device properly long before.
- Any other window is a mix and gets no label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from domain.frames import SensorFrame
from domain.recording import REST
from domain.sensors import WINDOW_SECONDS, SensorSet
from domain.windows import Window, WindowSlicer

WINDOW_MS = round(WINDOW_SECONDS * 1000)
REST_MARGIN_MS = 1_000
REST_BEYOND_MS = 30_000


@dataclass(frozen=True)
class Label:
    """`exercise` was done from `start_ms` to `end_ms`, in ms since 1970 by the device's clock."""

    start_ms: int
    end_ms: int
    exercise: str


def label_of(start_ms: int, end_ms: int, labels: Sequence[Label]) -> str | None:
    """The label of the window [start_ms, end_ms) in a session with `labels`; None if it is to be dropped."""
    touched = {label.exercise for label in labels if label.start_ms < end_ms and start_ms < label.end_ms}
    if len(touched) == 1:
        inside = any(label.start_ms <= start_ms and end_ms <= label.end_ms for label in labels)
        return touched.pop() if inside else None
    if touched or not labels:
        return None
    return REST if _is_rest(start_ms, end_ms, labels) else None


def labelled_windows(
    frames: Iterable[SensorFrame], labels: Sequence[Label], sensor_sets: Sequence[SensorSet]
) -> Iterator[tuple[SensorSet, str, Window]]:
    """The labelled windows of one session, by sensor set; nothing if it has no labels.

    `frames` come sorted by their start, all streams together, so that no more than the slicers' bounded
    buffers is held.
    """
    if not labels:
        return
    slicers = [WindowSlicer(sensor_set) for sensor_set in sensor_sets]
    for frame in frames:
        for slicer in slicers:
            for window in slicer.push(frame):
                label = label_of(window.start_ms, window.start_ms + WINDOW_MS, labels)
                if label is not None:
                    yield slicer.sensor_set, label, window


def _is_rest(start_ms: int, end_ms: int, labels: Sequence[Label]) -> bool:
    apart = all(
        end_ms + REST_MARGIN_MS <= label.start_ms or label.end_ms + REST_MARGIN_MS <= start_ms
        for label in labels
    )
    first_ms = min(label.start_ms for label in labels) - REST_BEYOND_MS
    last_ms = max(label.end_ms for label in labels) + REST_BEYOND_MS
    return apart and first_ms <= start_ms and end_ms <= last_ms
