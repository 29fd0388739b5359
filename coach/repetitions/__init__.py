"""Counts the repetitions of one set, whatever the sensors, while it goes on and afterwards.

Each set is explained in several ways: as a chain of occurrences of one template (`chain.py`) and as swings
along the directions of most movement (`swings.py`). What speaks for an explanation is measured
(`evidence.py`) and weighed with a few coefficients learned from counted sets (`choice.py`). The decision
record 0013 says why, and how well this does.
"""

from coach.repetitions.chain import CountingParameters
from coach.repetitions.counting import RepetitionCounter, count
from coach.repetitions.result import NO_REPETITIONS, Repetitions
from coach.repetitions.tempo import confirmed_tempo_s, usual_tempo_s

__all__ = [
    "NO_REPETITIONS",
    "CountingParameters",
    "RepetitionCounter",
    "Repetitions",
    "confirmed_tempo_s",
    "count",
    "usual_tempo_s",
]
