"""How much next: weight, repetitions and rest of an exercise's next set, by experts that vote.

Each expert has a simple idea of the next set: as the last one today, as the same set of the last workout,
with what changed since then, and so on. How often each came close fades slowly and is its vote's weight, as
in the weighted majority algorithm (Littlestone and Warmuth 1994) with a forgetting factor; close values
support each other. So a user who repeats a ramp, one who adds weight each time and one who varies are each
followed by the experts that know them, and the winner says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from coach.habits import ideas
from coach.habits.state import Habits, Known, Load, Workout

Measure = Literal["weight", "repetitions", "rest"]

CLOSE: Mapping[Measure, float] = {"weight": 250, "repetitions": 1, "rest": 20}  # counts as the same
SHARPNESS = 6.0  # an expert right twice as often has 2 ** SHARPNESS times the vote
NEARLY = 0.9  # of a vote goes to close ideas too
TRUST_UNIT = 1000
TRUST_FADING = 0.93

_VOTES = tuple((rating / TRUST_UNIT) ** SHARPNESS for rating in range(TRUST_UNIT + 1))

# Before anything is known of a user: how often each was right for simulated people (benchmarks/coach.py).
PRIOR: Mapping[str, tuple[int, ...]] = {
    "weight first": (640, 970, 970, 950, 920, 780, 660, 0, 0, 640),
    "weight later": (810, 980, 990, 950, 930, 800, 820, 0, 950, 950),
    "repetitions first": (420, 820, 820, 760, 610, 470, 530, 860, 0, 420),
    "repetitions later": (580, 820, 750, 780, 600, 530, 550, 840, 610, 450),
    "rest first": (0, 740, 740, 730, 0, 890, 740, 0, 0, 0),
    "rest later": (750, 750, 610, 770, 0, 890, 750, 0, 0, 0),
}


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A load in the state's units, None where nothing is known, and which experts won."""

    load: Load
    weight_expert: str | None
    repetitions_expert: str | None


def expected(habits: Habits, known: Known, *, weight: int | None = None) -> Expectation:
    """The next set of an exercise; its repetitions are for `weight` if that is given."""
    today, past = _split(habits, known)
    stage = "later" if today else "first"
    chosen, weight_expert = _vote(
        ideas.weights(today, past), _trust(habits, f"weight {stage}"), CLOSE["weight"]
    )
    if weight is None and chosen is not None:
        weight = round(chosen)
    repetitions, repetitions_expert = _vote(
        ideas.repetitions(today, past, weight), _trust(habits, f"repetitions {stage}"), CLOSE["repetitions"]
    )
    rest, _ = _vote(ideas.rests(today, past), _trust(habits, f"rest {stage}"), CLOSE["rest"])
    load = Load(
        weight,
        None if repetitions is None else max(1, round(repetitions)),
        None if rest is None else max(0, round(rest)),
    )
    return Expectation(load=load, weight_expert=weight_expert, repetitions_expert=repetitions_expert)


def judged(habits: Habits, known: Known, load: Load) -> dict[str, tuple[int, ...]]:
    """The experts' trust once the next set of an exercise was `load`."""
    today, past = _split(habits, known)
    stage = "later" if today else "first"
    trust = dict(habits.trust)
    seen: list[tuple[Measure, list[float | None], int | None]] = [
        ("weight", ideas.weights(today, past), load.weight),
        ("repetitions", ideas.repetitions(today, past, load.weight), load.repetitions),
        ("rest", ideas.rests(today, past), load.rest_s),
    ]
    for measure, proposed, actual in seen:
        if actual is None or all(idea is None for idea in proposed):
            continue
        key = f"{measure} {stage}"
        trust[key] = tuple(
            rating if idea is None else _rated(rating, abs(idea - actual) <= CLOSE[measure])
            for rating, idea in zip(_trust(habits, key), proposed, strict=True)
        )
    return trust


def _trust(habits: Habits, key: str) -> tuple[int, ...]:
    return habits.trust.get(key, PRIOR[key])


def _rated(rating: int, was_close: bool) -> int:
    return round(rating * TRUST_FADING + (1 - TRUST_FADING) * TRUST_UNIT * was_close)


def _vote(
    proposed: Sequence[float | None], trust: Sequence[int], close: float
) -> tuple[float | None, str | None]:
    """The idea with the most support, that of close ones included; of equals, the most trusted expert's."""
    support: dict[float, float] = {}
    ratings: dict[float, int] = {}
    names: dict[float, str] = {}  # of equal ideas the plainest, which comes first
    for idea, rating, name in zip(proposed, trust, ideas.NAMES, strict=True):
        if idea is not None:
            support[idea] = support.get(idea, 0.0) + _VOTES[rating]
            ratings[idea] = max(rating, ratings.get(idea, 0))
            names.setdefault(idea, name)
    best, most = None, (-1.0, -1)
    for idea, own in support.items():
        votes = own
        for other, weight in support.items():
            if other != idea and -close <= other - idea <= close:
                votes += NEARLY * weight
        if (votes, ratings[idea]) > most:
            best, most = idea, (votes, ratings[idea])
    return best, None if best is None else names[best]


def _split(habits: Habits, known: Known) -> tuple[tuple[Load, ...], tuple[Workout, ...]]:
    """The exercise's sets of the running session, and its earlier workouts."""
    symbol = habits.symbol_of(known.name)
    if symbol in habits.today:
        return known.workouts[-1].sets, known.workouts[:-1]
    return (), known.workouts
