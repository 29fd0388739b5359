"""Frames to windows: resampling to one grid, joining sensors, cutting overlapping windows of 2 s.

The one way from raw samples to what a network sees, used by watches, by the server, by the nightly batch and
by training, so that none of them can differ. Fed frame by frame; how the samples are divided into frames does
not change the windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from domain.frames import SensorFrame
from domain.sensors import SensorSet

FloatArray = npt.NDArray[np.float32]

STRIDE_SECONDS = 1.0
GAP_MS_MAX = 250.0  # samples missing for longer are not interpolated over: windows never span them


@dataclass(frozen=True)
class Window:
    """`samples` is [window_samples, channels], float32, in the sensors' units; `start_ms` is since 1970."""

    start_ms: int
    samples: FloatArray


@dataclass(frozen=True)
class _Run:
    """Consecutive grid points: the value at `first` + i (in units of the grid's period) is `values[i]`."""

    first: int
    values: FloatArray


class Resampler:
    """Resamples one stream to the grid k / rate_hz since 1970.

    Each output is the mean of the linearly interpolated signal over one output period around its grid point
    (a box filter), which is right for lower, equal and higher rates alike. After a gap, or when time goes
    back, it starts afresh.
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_ms = 1000.0 / rate_hz
        self._times = np.empty(0)  # ms relative to _origin_ms, which keeps float64 exact
        self._values: npt.NDArray[np.float64] = np.empty((0, 0))
        self._origin_ms = 0
        self._next = 0

    def push(self, frame: SensorFrame) -> _Run | None:
        """Take the next frame of the stream; return the grid points that became known, if any."""
        step_ms = 1000.0 / frame.rate_hz
        values = frame.values().astype(np.float64)
        self._join(frame.start_ms, step_ms, values.shape[1])
        times = frame.start_ms - self._origin_ms + np.arange(len(values)) * step_ms
        self._times = np.concatenate([self._times, times])
        self._values = np.concatenate([self._values, values])
        return self._emit()

    def _join(self, start_ms: int, step_ms: float, axis_count: int) -> None:
        if len(self._times) and self._values.shape[1] == axis_count:
            gap_ms = start_ms - self._origin_ms - self._times[-1]
            if 0 < gap_ms <= max(GAP_MS_MAX, 1.5 * step_ms):
                return
        self._times, self._values = np.empty(0), np.empty((0, axis_count))
        self._origin_ms = start_ms
        self._next = math.ceil(start_ms / self._period_ms)

    def _emit(self) -> _Run | None:
        half = self._period_ms / 2
        end = math.floor((self._times[-1] - half + self._origin_ms) / self._period_ms) + 1
        if end <= self._next:
            return None
        centres = np.arange(self._next, end) * self._period_ms - self._origin_ms
        edges = np.concatenate([centres - half, centres[-1:] + half])
        integral = self._integral_at(np.maximum(edges, self._times[0]))
        widths = np.diff(np.maximum(edges, self._times[0]))
        run = _Run(self._next, (np.diff(integral, axis=0) / widths[:, None]).astype(np.float32))
        self._next = end
        keep = max(0, int(np.searchsorted(self._times, edges[-1], side="right")) - 1)
        self._times, self._values = self._times[keep:], self._values[keep:]
        return run

    def _integral_at(self, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The integral of the piecewise linear signal from its first sample to each time of `at`."""
        if len(self._times) == 1:
            return np.zeros((len(at), self._values.shape[1]))
        steps = np.diff(self._times)
        areas = (self._values[1:] + self._values[:-1]) * (steps[:, None] / 2)
        cumulative = np.concatenate([np.zeros((1, areas.shape[1])), np.cumsum(areas, axis=0)])
        left = np.clip(np.searchsorted(self._times, at, side="right") - 1, 0, len(steps) - 1)
        into = (at - self._times[left])[:, None]
        slopes = (self._values[left + 1] - self._values[left]) / steps[left][:, None]
        return np.asarray(cumulative[left] + into * (self._values[left] + slopes * into / 2))


@dataclass
class _Channel:
    resampler: Resampler
    first: int = 0
    values: FloatArray = field(default_factory=lambda: np.empty((0, 0), np.float32))

    def push(self, frame: SensorFrame) -> None:
        run = self.resampler.push(frame)
        if run is None:
            return
        if len(self.values) and self.first + len(self.values) == run.first:
            self.values = np.concatenate([self.values, run.values])
        else:
            self.first, self.values = run.first, run.values

    def drop_before(self, index: int) -> None:
        drop = min(max(0, index - self.first), len(self.values))
        self.first, self.values = self.first + drop, self.values[drop:]


class WindowSlicer:
    """Cuts the windows of a sensor set out of its streams' frames.

    Windows start at multiples of the stride since 1970, so that any two programs cut the same windows from
    the same samples. Of several streams of one sensor (two wrists), the first one seen counts.
    """

    PENDING_SECONDS_MAX = 30  # what waits for a sensor that lags; older samples are dropped

    def __init__(self, sensor_set: SensorSet, stride_seconds: float = STRIDE_SECONDS) -> None:
        self.sensor_set = sensor_set
        self._stride = max(1, round(stride_seconds * sensor_set.rate_hz))
        self._channels = {letter: _Channel(Resampler(sensor_set.rate_hz)) for letter in sensor_set.letters}
        self._streams: dict[str, str] = {}
        self._next = 0

    def push(self, frame: SensorFrame) -> list[Window]:
        """Take a frame, in order within its stream; return the windows that became complete, oldest first."""
        channel = self._channels.get(frame.sensor)
        if channel is None or self._streams.setdefault(frame.sensor, frame.stream) != frame.stream:
            return []
        channel.push(frame)
        windows = []
        while (window := self._cut()) is not None:
            windows.append(window)
        self._bound()
        return windows

    def _cut(self) -> Window | None:
        length = self.sensor_set.window_samples
        first = max(channel.first for channel in self._channels.values())
        start = max(self._next, -(-first // self._stride) * self._stride)
        ends = [c.first + len(c.values) for c in self._channels.values()]
        # Time that went back leaves `_next` ahead of everything there is: begin again from there.
        if min(ends) + self.PENDING_SECONDS_MAX * self.sensor_set.rate_hz < start:
            start = -(-first // self._stride) * self._stride
        if min(ends) < start + length:
            return None
        parts = [c.values[start - c.first : start - c.first + length] for c in self._channels.values()]
        self._next = start + self._stride
        for channel in self._channels.values():
            channel.drop_before(self._next)
        return Window(round(start * 1000 / self.sensor_set.rate_hz), np.concatenate(parts, axis=1))

    def _bound(self) -> None:
        newest = max(c.first + len(c.values) for c in self._channels.values())
        for channel in self._channels.values():
            channel.drop_before(newest - self.PENDING_SECONDS_MAX * self.sensor_set.rate_hz)


@dataclass(frozen=True, kw_only=True)
class LabelledWindow:
    """A window that a user confirmed: what the nightly batch writes and training reads.

    `subject` is a pseudonym, `samples` is [window_samples, channels] of `sensor_set`, in the sensors' units.
    """

    sensor_set: SensorSet
    subject: str
    session: str
    start_ms: int
    label: str
    samples: FloatArray
