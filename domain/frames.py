"""A frame: about one second of one sensor's samples as int16 with a scale."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from domain.errors import InvalidFrame
from domain.identifiers import SessionId, StreamId
from domain.sensors import SENSORS

FRAME_SAMPLES_MAX = 4096  # values of all axes together
FRAME_SECONDS_MAX = 600.0  # a frame is about a second long; resampling fills all of its time
RATE_HZ_MAX = 1000.0
SCALE_MAX = 1e6
EPOCH_MS_MAX = 4_102_444_800_000  # 2100-01-01: a device's clock beyond it is broken


class SensorFrame(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Samples of one stream, `samples` being little-endian int16, interleaved by axis.

    The physical value, in the sensor's unit, is `int16 * scale`. `start_ms` is the time of the first
    sample in milliseconds since 1970-01-01 UTC by the device's clock.
    """

    session: SessionId
    stream: StreamId
    sequence_nr: int
    sensor: str
    start_ms: int
    rate_hz: float
    scale: float
    samples: bytes

    @property
    def axis_count(self) -> int:
        return len(SENSORS[self.sensor].axes)

    @property
    def sample_count(self) -> int:
        """Samples per axis."""
        return len(self.samples) // (2 * self.axis_count)

    @property
    def end_ms(self) -> float:
        """The time one sample after the last, where the next frame of a gapless stream starts."""
        return self.start_ms + self.sample_count * 1000.0 / self.rate_hz

    def values(self) -> npt.NDArray[np.float32]:
        """Samples in the sensor's unit, [sample_count, axis_count]."""
        raw = np.frombuffer(self.samples, dtype="<i2").astype(np.float32)
        return (raw * np.float32(self.scale)).reshape(-1, self.axis_count)


_STEP_BYTES = {letter: 2 * len(sensor.axes) for letter, sensor in SENSORS.items()}  # a sample of all axes

# Each limit: whether a frame keeps it, what is wrong if not, and what is expected.
_LIMITS: tuple[tuple[Callable[[SensorFrame], bool], Callable[[SensorFrame], str], str], ...] = (
    (
        lambda f: f.sensor in SENSORS,
        lambda f: f"unknown sensor {f.sensor[:16]!r}",
        f"one of {', '.join(SENSORS)}",
    ),
    (lambda f: 0 <= f.sequence_nr < 2**31, lambda f: f"sequence number {f.sequence_nr}", "0 to 2147483647"),
    (
        lambda f: 0 <= f.start_ms <= EPOCH_MS_MAX,
        lambda f: f"start {f.start_ms}",
        "ms since 1970, before 2100",
    ),
    (
        lambda f: _within(f.rate_hz, RATE_HZ_MAX),
        lambda f: f"rate {f.rate_hz} Hz",
        f"above 0, to {RATE_HZ_MAX:g}",
    ),
    (lambda f: _within(f.scale, SCALE_MAX), lambda f: f"scale {f.scale}", "a finite number above 0"),
    (
        lambda f: 0 < len(f.samples) <= 2 * FRAME_SAMPLES_MAX,
        lambda f: f"{len(f.samples)} bytes of samples",
        f"1 to {FRAME_SAMPLES_MAX} int16 values",
    ),
)


def check_frame(frame: SensorFrame) -> SensorFrame:
    """Return `frame` if it keeps every limit, else raise InvalidFrame naming the first one it breaks."""
    if not _keeps_limits(frame):
        _check_limits(frame)
    return frame


def _keeps_limits(frame: SensorFrame) -> bool:
    """All that `_check_limits` checks, without its words: most frames that come are right, and many come."""
    size, step = len(frame.samples), _STEP_BYTES.get(frame.sensor, 0)
    return (
        step > 0
        and 0 <= frame.sequence_nr < 2**31
        and 0 <= frame.start_ms <= EPOCH_MS_MAX
        and 0 < frame.rate_hz <= RATE_HZ_MAX
        and 0 < frame.scale <= SCALE_MAX
        and 0 < size <= 2 * FRAME_SAMPLES_MAX
        and size % step == 0
        and size <= step * FRAME_SECONDS_MAX * frame.rate_hz
    )


def _check_limits(frame: SensorFrame) -> None:
    for holds, wrong, expected in _LIMITS:
        if not holds(frame):
            raise InvalidFrame(
                wrong(frame), expected=expected, remedy="drop the frame and correct the device"
            )
    if len(frame.samples) % (2 * frame.axis_count):
        raise InvalidFrame(
            f"{len(frame.samples)} bytes of samples for {frame.axis_count} axes",
            expected=f"a multiple of {2 * frame.axis_count} bytes",
            remedy="send whole samples",
        )
    if frame.sample_count > FRAME_SECONDS_MAX * frame.rate_hz:
        raise InvalidFrame(
            f"{frame.sample_count} samples at a rate of {frame.rate_hz:g} Hz",
            expected=f"at most {FRAME_SECONDS_MAX:g} s in a frame",
            remedy="send shorter frames",
        )


def pack_samples(values: npt.NDArray[np.floating], scale: float) -> bytes:
    """Physical values [samples, axes] to the bytes of a frame; values beyond int16 saturate."""
    rounded: npt.NDArray[np.int16] = np.clip(np.rint(values / scale), -32768, 32767).astype("<i2")
    return rounded.tobytes()


def scale_for(sensor: str) -> float:
    """The scale that lets int16 hold the sensor's full scale."""
    return SENSORS[sensor].full_scale / 32767


def _within(value: float, limit: float) -> bool:
    return math.isfinite(value) and 0 < value <= limit
