"""Sets as a counter would find them: repetitions along a line, rightly counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from coach.form import Movement
from coach.repetitions import Repetitions

RATE_HZ = 50.0


def a_set(reaches: list[float], tempos_s: list[float] | None = None, *, seed: int = 0) -> Movement:
    """Repetitions of these reaches and lengths (2 s each), along a slanting line of three axes."""
    tempos_s = tempos_s or [2.0] * len(reaches)
    parts = [
        reach * (1 - np.cos(2 * np.pi * np.arange(round(tempo_s * RATE_HZ)) / (tempo_s * RATE_HZ))) / 2
        for reach, tempo_s in zip(reaches, tempos_s, strict=True)
    ]
    line = np.concatenate(parts)
    values = line[:, None] * np.array([0.8, 0.0, -0.6]) + np.array([0.0, 0.0, 1.0])
    values += 0.002 * np.random.default_rng(seed).standard_normal(values.shape)
    ends_s = np.cumsum([len(part) / RATE_HZ for part in parts])
    tempo = np.array(tempos_s)
    found = Repetitions(
        count=len(reaches),
        times_s=ends_s - tempo / 2,
        tempo_s=tempo,
        ranges=np.array(reaches),
        confidence=0.9,
    )
    return Movement(values=values, rate_hz=RATE_HZ, found=found)


def changed(movement: Movement, **fields: Any) -> Movement:
    return Movement(
        **{"values": movement.values, "rate_hz": movement.rate_hz, "found": movement.found, **fields}
    )


def with_stand(movement: Movement, at_s: float, stand_s: float) -> Movement:
    """The same with a stand at `at_s`, and repetitions counted as before."""
    at, length = round(at_s * RATE_HZ), round(stand_s * RATE_HZ)
    values = np.insert(movement.values, [at] * length, movement.values[at], axis=0)
    found = movement.found
    ends_s = np.cumsum(found.tempo_s)
    number = int(np.searchsorted(ends_s, at_s))
    tempo_s = found.tempo_s.copy()
    tempo_s[number] += stand_s
    times_s = np.cumsum(tempo_s) - tempo_s / 2
    stood = Repetitions(
        count=found.count,
        times_s=times_s,
        tempo_s=tempo_s,
        ranges=found.ranges,
        confidence=found.confidence,
    )
    return changed(movement, values=values, found=stood)
