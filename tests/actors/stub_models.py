"""A model whose answers are known: a heart above 100 beats a minute does curls."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from actors.recognition import Model
from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import ModelId, SessionId, StreamId, UserId
from domain.recording import REST
from domain.sensors import SensorSet

SENSOR_SET = SensorSet(("h",), 4)
CLASSES = (REST, "curl")
T0_MS = 1_700_000_000_000


class StubNetwork:
    """`sizes` holds the number of windows of each call."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def probabilities(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.sizes.append(len(windows))
        works = np.where(windows.mean(axis=(1, 2)) > 100, 0.95, 0.05)
        return np.stack([1 - works, works], axis=1).astype(np.float32)


def stub_model(name: str = "stub", sensor_set: SensorSet = SENSOR_SET) -> Model:
    return Model(ModelId(name), sensor_set, CLASSES, cast(Any, StubNetwork()))


class StubShelf:
    def __init__(self, model: Model | None) -> None:
        self.model = model

    def best_for(self, user: UserId, sensors: Collection[str]) -> Model | None:
        fits = self.model is not None and set(self.model.sensor_set.letters) <= set(sensors)
        return self.model if fits else None


def heart_frame(
    session: str, number: int, beats: float, *, stream: str = "h", offset_s: int = 0
) -> SensorFrame:
    """One second of a steady heart; frame `number` begins `offset_s` + `number` seconds after T0_MS."""
    return SensorFrame(
        session=SessionId(session),
        stream=StreamId(stream),
        sequence_nr=number,
        sensor="h",
        start_ms=T0_MS + 1000 * (offset_s + number),
        rate_hz=4.0,
        scale=scale_for("h"),
        samples=pack_samples(np.full((4, 1), beats + number % 5), scale_for("h")),
    )
