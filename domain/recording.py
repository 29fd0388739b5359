"""A recording of one set, or of rest, by one person: what tests, demos and training learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

REST = "rest"  # the label of time between sets


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """`values` maps a sensor's letter to [samples, axes] float32 in the sensor's unit, all at `rate_hz`.

    `repetitions` and `weight_kg` are None where unknown. `label` is an exercise's name or REST.
    """

    name: str
    subject: str
    session: str
    label: str
    repetitions: int | None
    weight_kg: float | None
    rate_hz: float
    location: str
    values: dict[str, npt.NDArray[np.float32]]

    @property
    def seconds(self) -> float:
        return max(len(values) for values in self.values.values()) / self.rate_hz
