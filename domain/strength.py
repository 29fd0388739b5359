"""Estimated one-repetition maximum, and the weight for a number of repetitions.

Epley (Poundage Chart, Boyd Epley Workout, 1985): w (1 + r / 30). Brzycki (Strength Testing: Predicting a
One-Rep Max from Reps-to-Fatigue, JOPERD 64(1), 1993): 36 w / (37 - r). They agree at ten repetitions;
Brzycki's was made for up to ten and explodes towards 37, so beyond ten Epley's alone is used. Both assume a
set to failure, and so tell too little of an easier one.
"""

from __future__ import annotations

BRZYCKI_REPETITIONS_MAX = 10


def epley_kg(weight_kg: float, repetitions: int) -> float:
    """The most that can be lifted once, after a set of one or more repetitions; of one it is the weight."""
    return weight_kg if repetitions == 1 else weight_kg * (1 + repetitions / 30)


def brzycki_kg(weight_kg: float, repetitions: int) -> float:
    """The same after Brzycki; for at most BRZYCKI_REPETITIONS_MAX repetitions."""
    return weight_kg * 36 / (37 - repetitions)


def maximum_kg(weight_kg: float, repetitions: int) -> float:
    """The mean of both estimates where both hold, else Epley's."""
    if repetitions > BRZYCKI_REPETITIONS_MAX:
        return epley_kg(weight_kg, repetitions)
    return (epley_kg(weight_kg, repetitions) + brzycki_kg(weight_kg, repetitions)) / 2


def weight_for_kg(one_kg: float, repetitions: int) -> float:
    """What can be lifted `repetitions` times by who can lift `one_kg` once: `maximum_kg` inverted."""
    return one_kg / maximum_kg(1.0, repetitions)
