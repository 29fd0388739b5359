"""How well the next set is expected: which exercise, what weight, how many repetitions; beside plainer ways.

    python -m benchmarks.coach [--recordings DIR...] [--people N] [--weeks N] [--newcomers N]
        [--json FILE]

Each set of a history is expected from the sets before it alone, then learned. Prints JSON. DIR is a data set
with an `index.csv`; benchmarks/coach_histories.py says what is known of its order and times, and how the
simulated people behave. Figures are shares of the sets that could be expected at all: exercises that were
done before, with a known weight or known repetitions. A weight is right within 2.5 kg, repetitions within 1;
the exercise of `load` figures is the one that was done. People with even seeds served to choose constants,
those with odd seeds are held out and reported.

Not measured: whether a suggestion makes anyone stronger; times of day (no data set has them); rests.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.coach_baselines import MostFrequent, Predictor, SameAsLastTime, WeightedAverage
from benchmarks.coach_histories import INCREMENT_KG, real, simulated
from benchmarks.coach_newcomers import newcomers_figures
from coach.habits import Habits, begun, following, learned, usual_load
from coach.suggestion import Situation, suggest
from domain.sets import HISTORY_MAX, PastSet
from domain.training import Place, Training

REPETITIONS_CLOSE = 1.0
SEED = 10  # of the population of newcomers
_TRAINING = Training(
    goal="muscle",
    excluded_muscles=("adductors",),
    place=Place(
        name="gym",
        plates_kg=(1.25, 1.25, 2.5, 5.0, 10.0, 20.0, 20.0),
        dumbbells_kg=tuple(float(kg) for kg in range(1, 40)),
    ),
)
MEASURES = ("top_1", "top_3", "weight", "repetitions")


class Learned:
    """`coach.habits`, with the time that it takes."""

    def __init__(self) -> None:
        self.habits = Habits()
        self.decide_us: list[float] = []
        self.learn_us: list[float] = []

    def learn(self, done: PastSet) -> None:
        started = time.thread_time_ns()
        self.habits = learned(self.habits, done)
        self.learn_us.append((time.thread_time_ns() - started) / 1000)

    def ranked(self, session: str, at_ms: int) -> list[str]:
        started = time.thread_time_ns()
        exercises = following(begun(self.habits, session, at_ms)).exercises
        found = sorted(exercises, key=lambda name: -exercises[name])
        if found:
            usual_load(self.habits, found[0])
        self.decide_us.append((time.thread_time_ns() - started) / 1000)
        return found

    def load(self, session: str, exercise: str) -> tuple[float | None, float | None]:
        habits = self.habits if session == self.habits.session else begun(self.habits, session, 0)
        usual = usual_load(habits, exercise)
        return (None, None) if usual is None else (usual.weight_kg, usual.repetitions)


PREDICTORS: Mapping[str, Callable[[], Predictor]] = {
    "learned": Learned,
    "same as last time": SameAsLastTime,
    "most frequent": MostFrequent,
    "weighted average": WeightedAverage,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--weeks", type=int, default=16)
    parser.add_argument("--newcomers", type=int, default=400, help="people without a history")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--development", action="store_true", help="report the people with even seeds")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {
        directory.name: _compared([real(directory)]) for directory in arguments.recordings
    }
    groups: dict[str, list[list[PastSet]]] = defaultdict(list)
    for number in range(arguments.people):
        person, history = simulated(2 * number + (not arguments.development), arguments.weeks)
        groups["simulated"].append(history)
        groups[f"simulated, {person.programme}{', supersets' * person.supersets}"].append(history)
    for name, histories in groups.items():
        figures[name] = _compared(histories)
    if arguments.newcomers:
        seed = 2 * SEED + (not arguments.development)
        figures["newcomers"] = newcomers_figures(arguments.newcomers, seed)
    figures["cost"] = _cost(groups["simulated"])
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


def _compared(histories: Sequence[Sequence[PastSet]]) -> dict[str, Any]:
    results = {name: _results(make, histories) for name, make in PREDICTORS.items()}
    ours = results["learned"]
    return {
        "histories": len(histories),
        "sets": {measure: len(ours[measure]) for measure in MEASURES},
        **{
            name: {m: round(sum(found[m]) / len(found[m]), 4) for m in MEASURES if found[m]}
            for name, found in results.items()
        },
        "not better than": [
            f"{measure}: {name}"
            for name, found in results.items()
            for measure in MEASURES
            if name != "learned" and found[measure] and sum(found[measure]) >= sum(ours[measure])
        ],
    }


def _results(make: Callable[[], Predictor], histories: Sequence[Sequence[PastSet]]) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {measure: [] for measure in MEASURES}
    for history in histories:
        predictor, known = make(), set[str]()
        for done in history:
            if done.exercise in known:
                _judge(predictor, done, found)
            predictor.learn(done)
            known.add(done.exercise)
    return found


def _judge(predictor: Predictor, done: PastSet, found: dict[str, list[bool]]) -> None:
    ranked = predictor.ranked(done.session, done.start_ms)
    found["top_1"].append(done.exercise in ranked[:1])
    found["top_3"].append(done.exercise in ranked[:3])
    weight_kg, repetitions = predictor.load(done.session, done.exercise)
    if done.weight_kg is not None:
        close = weight_kg is not None and abs(weight_kg - done.weight_kg) <= INCREMENT_KG
        found["weight"].append(close)
    if done.repetitions is not None:
        close = repetitions is not None and abs(repetitions - done.repetitions) <= REPETITIONS_CLOSE
        found["repetitions"].append(close)


def _cost(histories: Sequence[Sequence[PastSet]]) -> dict[str, Any]:
    """Of expecting the next exercise and its load, of a suggestion, of learning a set, and of what is kept.

    CPU time of the thread, as the machine may be shared.
    """
    decide_us, learn_us, suggest_us, sizes = list[float](), list[float](), list[float](), list[int]()
    for history in histories:
        predictor = Learned()
        for number, done in enumerate(history):
            predictor.ranked(done.session, done.start_ms)
            suggest_us.append(
                _suggest_us(predictor.habits, history[max(0, number - HISTORY_MAX) : number], done)
            )
            predictor.learn(done)
        decide_us += predictor.decide_us
        learn_us += predictor.learn_us
        sizes.append(len(predictor.habits.packed()))
    return {
        "decide_us": _quantiles(decide_us),
        "suggest_us": _quantiles(suggest_us),
        "learn_us": _quantiles(learn_us),
        "state_bytes_max": max(sizes),
        "state_bytes_mean": round(sum(sizes) / len(sizes)),
    }


def _suggest_us(habits: Habits, history: Sequence[PastSet], done: PastSet) -> float:
    """A whole suggestion, for someone with a goal, an exclusion and a place with plates and dumbbells."""
    situation = Situation(
        habits=habits, history=history, training=_TRAINING, session=done.session, at_ms=done.start_ms
    )
    started = time.thread_time_ns()
    suggest(situation)
    return (time.thread_time_ns() - started) / 1000


def _quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(ordered[len(ordered) // 2], 1),
        "p99": round(ordered[len(ordered) * 99 // 100], 1),
    }


if __name__ == "__main__":
    main()
