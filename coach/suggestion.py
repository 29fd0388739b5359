"""What to do next: the exercise that usually follows, with the weight and repetitions that come next.

A first-order Markov model over the user's confirmed sets, with the most frequent exercise as back-off, and
double progression for the load (add repetitions up to a ceiling, then weight; see ACSM, Progression Models in
Resistance Training for Healthy Adults, 2009).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from domain.user import PastSet

RECENT_WEIGHT = 0.9  # each step back in history counts this much less than the one after it
SMOOTHING = 0.5  # how many observations the back-off counts for
REPETITIONS_CEILING = 12  # reached in every set of the last session: time for more weight
REPETITIONS_DEFAULT = 10
INCREMENT_KG = 2.5


@dataclass(frozen=True)
class Advice:
    """`weight_kg` is None where no weight is known; `reason` is for the user to read."""

    exercise: str
    weight_kg: float | None
    repetitions: int
    reason: str


def next_exercises(history: Sequence[PastSet], last_exercise: str | None) -> dict[str, float]:
    """Probability of each known exercise to be done next, after `last_exercise` or at a session's start.

    `history` is oldest first; empty history gives no exercises.
    """
    follows, overall = _follow_counts(history, last_exercise), _overall_counts(history)
    total = sum(overall.values())
    if not total:
        return {}
    weight = sum(follows.values()) + SMOOTHING
    return {
        exercise: (follows[exercise] + SMOOTHING * count / total) / weight
        for exercise, count in overall.items()
    }


def advise(history: Sequence[PastSet], last_exercise: str | None) -> Advice | None:
    """The next exercise with its load, or None for a user without history."""
    probabilities = next_exercises(history, last_exercise)
    if not probabilities:
        return None
    exercise = max(sorted(probabilities), key=lambda name: probabilities[name])
    weight_kg, repetitions, reason = _load(history, exercise)
    return Advice(exercise, weight_kg, repetitions, reason)


def _follow_counts(history: Sequence[PastSet], last_exercise: str | None) -> dict[str, float]:
    """How often each exercise came after `last_exercise` (None: began a session), newer ones count more."""
    counts: dict[str, float] = defaultdict(float)
    for age, (before, after) in enumerate(reversed(list(pairwise([None, *history])))):
        assert after is not None
        previous = before.exercise if before is not None and before.session == after.session else None
        if previous == last_exercise:
            counts[after.exercise] += RECENT_WEIGHT**age
    return counts


def _overall_counts(history: Iterable[PastSet]) -> Counter[str]:
    return Counter(past.exercise for past in history)


def _load(history: Sequence[PastSet], exercise: str) -> tuple[float | None, int, str]:
    done = [past for past in history if past.exercise == exercise]
    last_session = [past for past in done if past.session == done[-1].session]
    counts = [past.repetitions for past in last_session if past.repetitions]
    weights = [past.weight_kg for past in last_session if past.weight_kg is not None]
    if not counts:
        return (weights[-1] if weights else None), REPETITIONS_DEFAULT, "you usually do it now"
    did = ", ".join(str(count) for count in counts)
    if weights and all((past.repetitions or 0) >= REPETITIONS_CEILING for past in last_session):
        return (
            weights[-1] + INCREMENT_KG,
            REPETITIONS_DEFAULT,
            f"{INCREMENT_KG:g} kg more since you did {did}",
        )
    return (weights[-1] if weights else None), counts[-1], f"last time you did {did}"
