"""Histories for `benchmarks.coach`: what real lifters did, and people whose habits are known.

Real ones come from the indices of recordings (`index.csv`). Dates stand in session names; times of day do
not, so every session begins at 18:00 and a set takes three minutes. gymwatch lists each session's sets by the
exercise's name and not by time, so the order of exercises is the alphabet's and that of the sets within one
is the recording's; muvr lists them as they were recorded, each kind of session once.

Simulated people have a split of two or three sessions, or one of supersets, on their weekdays; a programme
(repetitions then weight, weight each time, the same again, or ramps); and deviations: exercises left out or
swapped, sets more or fewer, weights that differ. Half-way through some change a third of their exercises.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from coach.catalogue import Exercise, catalogue
from domain.identifiers import SessionId
from domain.recording import REST
from domain.sets import PastSet

SET_MS = 60_000
PAUSE_MS = 120_000
UNKNOWN_DATES_FROM = date(2015, 9, 20)
INCREMENT_KG = 2.5
_REST_LABELS = {"idle", REST}


def real(directory: Path) -> list[PastSet]:
    """The sets of an index, its sessions by their dates; those without one a week apart, in order."""
    sessions: dict[str, list[dict[str, str]]] = {}
    with (directory / "index.csv").open(encoding="utf-8", newline="") as index:
        for row in csv.DictReader(index):
            if row["label"] not in _REST_LABELS:
                sessions.setdefault(row["session"], []).append(row)
    undated = (UNKNOWN_DATES_FROM + timedelta(weeks=number) for number in range(1, 1000))
    dated = [(_date(name) or next(undated), name) for name in sessions]
    return [
        _past(name, day, number, row)
        for day, name in sorted(dated)
        for number, row in enumerate(sessions[name])
    ]


@dataclass
class _Habit:
    """An exercise of someone's session: how many sets, and what is on the bar."""

    exercise: Exercise
    set_count: int
    weight_kg: float
    increment_kg: float
    repetitions: int
    ramp: bool
    last: list[int] = field(default_factory=list)  # repetitions of the last workout


@dataclass
class Person:
    """`deviation` is how often an exercise, or a load, is not as planned."""

    name: str
    programme: str
    supersets: bool
    deviation: float
    weekdays: Sequence[int]
    sessions: list[list[_Habit]]


def simulated(seed: int, weeks: int) -> tuple[Person, list[PastSet]]:
    """One person's habits and what follows from them in that many weeks."""
    rng = random.Random(seed)
    person = _person(rng, seed)
    history: list[PastSet] = []
    day, number = date(2026, 1, 5), 0
    changes_at = weeks * len(person.weekdays) // 2 if rng.random() < 0.4 else -1
    for week in range(weeks):
        for weekday in person.weekdays:
            if rng.random() < 0.08:
                continue  # not every session takes place
            if number == changes_at:
                _change(rng, person)
            plan = person.sessions[number % len(person.sessions)]
            history += _session(rng, person, plan, day + timedelta(weeks=week, days=weekday), number)
            number += 1
    return person, history


def _person(rng: random.Random, seed: int) -> Person:
    split = rng.choice([1, 2, 2, 3])
    supersets = rng.random() < 0.25
    programme = rng.choice(["double", "linear", "same", "ramp"])
    loaded = [each for each in catalogue().values() if each.share_min is not None]
    body_kg = rng.uniform(55, 100)
    chosen = rng.sample(loaded, split * 6)
    sessions = [
        [_habit(rng, each, body_kg, programme) for each in chosen[at * 6 : at * 6 + rng.randint(4, 6)]]
        for at in range(split)
    ]
    weekdays = sorted(rng.sample(range(7), rng.choice([2, 3, 3, 4])))
    return Person(f"p{seed}", programme, supersets, rng.choice([0.03, 0.08, 0.15]), weekdays, sessions)


def _habit(rng: random.Random, exercise: Exercise, body_kg: float, programme: str) -> _Habit:
    assert exercise.share_min is not None
    assert exercise.share_max is not None
    share = exercise.share_min + rng.uniform(0.2, 0.6) * (exercise.share_max - exercise.share_min)
    increment_kg = 2.5 if exercise.kind == "compound" else 1.0
    weight_kg = max(increment_kg, round(share * body_kg / increment_kg) * increment_kg)
    set_count, repetitions = rng.choice([2, 3, 3, 4]), rng.choice([6, 8, 10])
    return _Habit(exercise, set_count, weight_kg, increment_kg, repetitions, programme == "ramp")


def _change(rng: random.Random, person: Person) -> None:
    known = {habit.exercise.name for plan in person.sessions for habit in plan}
    others = [e for e in catalogue().values() if e.share_min is not None and e.name not in known]
    for plan in person.sessions:
        for at in range(len(plan)):
            if rng.random() < 1 / 3:
                plan[at] = _habit(rng, others.pop(rng.randrange(len(others))), 75.0, person.programme)


def _session(
    rng: random.Random, person: Person, plan: list[_Habit], day: date, number: int
) -> Iterator[PastSet]:
    habits = [habit for habit in plan if rng.random() >= person.deviation]
    for at in range(len(habits) - 1):
        if rng.random() < person.deviation:
            habits[at], habits[at + 1] = habits[at + 1], habits[at]
    at_ms = int(datetime(day.year, day.month, day.day, 18, tzinfo=UTC).timestamp() * 1000)
    at_ms += rng.randint(-1800, 1800) * 1000
    for habit, weight_kg, repetitions in _sets(rng, person, habits):
        yield PastSet(
            session=SessionId(f"{person.name}-{number}"),
            start_ms=at_ms,
            end_ms=at_ms + SET_MS,
            exercise=habit.exercise.name,
            repetitions=repetitions,
            weight_kg=weight_kg,
        )
        at_ms += SET_MS + PAUSE_MS + rng.randint(-20, 20) * 1000


def _sets(
    rng: random.Random, person: Person, habits: Sequence[_Habit]
) -> Iterator[tuple[_Habit, float, int]]:
    rows = [(habit, list(_loads(rng, person, habit))) for habit in habits]
    if not person.supersets:
        for habit, done in rows:
            for weight_kg, repetitions in done:
                yield habit, weight_kg, repetitions
        return
    for at in range(0, len(rows), 2):
        pair = rows[at : at + 2]
        for turn in range(max(len(done) for _, done in pair)):
            for habit, done in pair:
                if turn < len(done):
                    yield habit, *done[turn]


def _loads(rng: random.Random, person: Person, habit: _Habit) -> Iterator[tuple[float, int]]:
    """The sets of an exercise today; the programme moves on with what was done the time before."""
    _progress(rng, person.programme, habit)
    count = habit.set_count + (rng.choice([-1, 1]) if rng.random() < person.deviation else 0)
    off_kg = rng.choice([-1, 1]) * habit.increment_kg if rng.random() < person.deviation else 0.0
    habit.last = []
    for at in range(max(1, count)):
        step = at - count + 1 if habit.ramp else 0  # a ramp ends at the full weight
        weight_kg = max(habit.increment_kg, habit.weight_kg + off_kg + 2 * step * habit.increment_kg)
        tired = 0 if habit.ramp else at // 2 + (rng.random() < 0.3)
        repetitions = max(1, habit.repetitions - 2 * step - tired + rng.choice([0, 0, 0, 0, 1, -1]))
        habit.last.append(repetitions)
        yield weight_kg, repetitions


def _progress(rng: random.Random, programme: str, habit: _Habit) -> None:
    if not habit.last:
        return
    if programme == "double":
        if habit.repetitions >= 12:
            habit.weight_kg, habit.repetitions = habit.weight_kg + habit.increment_kg, 8
        elif rng.random() < 0.8:
            habit.repetitions += 1
    elif (programme == "linear" and rng.random() < 0.8) or (programme == "ramp" and rng.random() < 0.15):
        habit.weight_kg += habit.increment_kg


def _past(session: str, day: date, number: int, row: dict[str, str]) -> PastSet:
    """A set of an index; -1 and 0 kg, and 0 repetitions, are unknown there."""
    start_ms = int(datetime(day.year, day.month, day.day, 18, tzinfo=UTC).timestamp() * 1000)
    start_ms += number * (SET_MS + PAUSE_MS)
    return PastSet(
        session=SessionId(session),
        start_ms=start_ms,
        end_ms=start_ms + SET_MS,
        exercise=row["label"],
        repetitions=int(float(row["reps"] or 0)) or None,
        weight_kg=weight_kg if (weight_kg := float(row["weight_kg"] or 0)) > 0 else None,
    )


def _date(session: str) -> date | None:
    if found := re.fullmatch(r"(\d\d)(\d\d)(\d\d)", session):
        return date(2000 + int(found[3]), int(found[2]), int(found[1]))
    if found := re.fullmatch(r"(\d\d)-(\d\d)-(\d\d)", session):
        return date(2000 + int(found[3]), int(found[2]), int(found[1]))
    return None
