"""Frames of made samples, as test vectors hold them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId
from domain.sensors import SENSORS


def frame_of(
    letter: str, number: int, start_ms: int, rate_hz: float, values: npt.NDArray[np.float64]
) -> SensorFrame:
    """`values`, [samples, axes] in the sensor's unit."""
    scale, limit = float(np.float32(scale_for(letter))), SENSORS[letter].full_scale
    return SensorFrame(
        session=SessionId("vectors"),
        stream=StreamId(letter),
        sequence_nr=number,
        sensor=letter,
        start_ms=start_ms,
        rate_hz=rate_hz,
        scale=scale,
        samples=pack_samples(np.clip(np.nan_to_num(values), -limit, limit), scale),
    )
