"""A set as it was recorded, with the repetitions that were found in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coach.repetitions import Repetitions, count


@dataclass(frozen=True, kw_only=True, eq=False)
class Movement:
    """`values`: [samples, channels] of one set at `rate_hz`; `found`: its repetitions, as counted in them."""

    values: npt.NDArray[np.floating]
    rate_hz: float
    found: Repetitions

    @classmethod
    def counted(cls, values: npt.NDArray[np.floating], rate_hz: float) -> Movement:
        """The movement of a set whose repetitions are still to be counted.

        Raises ValueError for what coach.repetitions does not take.
        """
        return cls(values=values, rate_hz=rate_hz, found=count(values, rate_hz))
