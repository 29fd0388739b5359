"""What is known of an exercise's tempo from sets whose repetitions somebody confirmed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coach.repetitions.choice import TEMPO_TOLERANCE
from coach.repetitions.result import Repetitions

_SETS_MIN = 2


def confirmed_tempo_s(found: Repetitions, confirmed: int) -> float | None:
    """Seconds per repetition of a set in which `confirmed` were done while `found` was counted.

    None if nothing was found or done. Where arms take turns and one wears the sensor, this is half of what
    the sensor sees.
    """
    return float(found.tempo_s.sum()) / confirmed if found.count and confirmed > 0 else None


def usual_tempo_s(tempos_s: Sequence[float]) -> float | None:
    """The tempo of an exercise, for `count`, from its confirmed sets; None unless two, and most, agree."""
    if len(tempos_s) < _SETS_MIN:
        return None
    usual = float(np.median(tempos_s))
    agreeing = sum(abs(float(np.log(tempo / usual))) < TEMPO_TOLERANCE for tempo in tempos_s)
    return usual if agreeing >= _SETS_MIN and 2 * agreeing > len(tempos_s) else None
