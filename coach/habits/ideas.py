"""The experts' ideas of an exercise's next set: one function a measure, one value per name of EXPERTS.

`today` are the exercise's sets of the running session, `past` its earlier workouts, oldest first; values are
in the state's units, None where an expert has nothing to go by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coach.habits.state import Load, Workout

STEP = 250  # a usual step of weight
REPETITIONS_MANY = 12  # so many ask for more weight, see coach.progression
REPETITIONS_AFTER = 10
RECENT = 0.65  # of the average: each workout back counts so much less

# What the user may read of each.
EXPERTS: Mapping[str, str] = {
    "again": "as your last set of it",
    "place": "as in your last workout",
    "shift": "as in your last workout, changed as today's sets were",
    "older": "as in the workout before the last",
    "trend": "the step that you took between the last two workouts",
    "average": "your average of late",
    "usual": "what you mostly do",
    "effort": "as much as you could do of this weight",
    "step": "the next step of today's sets",
    "more": "more weight, since you did many repetitions",
}
NAMES = tuple(EXPERTS)


def weights(today: Sequence[Load], past: Sequence[Workout]) -> list[float | None]:
    last = _at(past, 1, len(today), "weight")
    older = _at(past, 2, len(today), "weight")
    before = today[-1].weight if today else None
    return [
        before if before is not None else _final(past, "weight"),
        last,
        _moved(last, before, _at(past, 1, len(today) - 1, "weight") if today else None),
        older,
        _moved(last, last, older),
        _average(today, past, "weight"),
        _mode(today, past, "weight"),
        None,
        _stepped(today, "weight"),
        _heavier(today, past),
    ]


def repetitions(today: Sequence[Load], past: Sequence[Workout], weight: int | None) -> list[float | None]:
    last = _at(past, 1, len(today), "repetitions")
    older = _at(past, 2, len(today), "repetitions")
    before = today[-1].repetitions if today else None
    return [
        before if before is not None else _final(past, "repetitions"),
        last,
        _moved(last, before, _at(past, 1, len(today) - 1, "repetitions") if today else None),
        older,
        _moved(last, last, older),
        _average(today, past, "repetitions"),
        _mode(today, past, "repetitions"),
        _by_effort(today, past, weight),
        _stepped(today, "repetitions"),
        _fewer(today, past),
    ]


def rests(today: Sequence[Load], past: Sequence[Workout]) -> list[float | None]:
    last = _at(past, 1, len(today), "rest_s")
    before = today[-1].rest_s if today else None
    return [
        before,
        last,
        _moved(last, before, _at(past, 1, len(today) - 1, "rest_s") if today else None),
        _at(past, 2, len(today), "rest_s"),
        None,
        _average(today, past, "rest_s"),
        _mode(today, past, "rest_s"),
        None,
        None,
        None,
    ]


def _value(load: Load, name: str) -> int | None:
    value: int | None = getattr(load, name)
    return value


def _at(past: Sequence[Workout], back: int, index: int, name: str) -> int | None:
    """Of the set at `index`, or the last, of the workout so far `back`."""
    if len(past) < back:
        return None
    sets = past[-back].sets
    return _value(sets[min(index, len(sets) - 1)], name)


def _final(past: Sequence[Workout], name: str) -> int | None:
    return _value(past[-1].sets[-1], name) if past else None


def _moved(start: int | None, now: int | None, then: int | None) -> int | None:
    """`start` and what changed from `then` to `now`."""
    if start is None or now is None or then is None:
        return start
    return max(0, start + now - then)


def _stepped(today: Sequence[Load], name: str) -> int | None:
    """As far on as from the set before the last to the last."""
    if len(today) < 2:
        return None
    return _moved(_value(today[-1], name), _value(today[-1], name), _value(today[-2], name))


def _heavier(today: Sequence[Load], past: Sequence[Workout]) -> int | None:
    """The last set's weight, and a step more if it was done many times."""
    last = _latest(today, past)
    if last is None or last.weight is None:
        return None
    return last.weight + STEP * ((last.repetitions or 0) >= REPETITIONS_MANY)


def _fewer(today: Sequence[Load], past: Sequence[Workout]) -> int | None:
    """The last set's repetitions, or as many as with more weight if they were many."""
    last = _latest(today, past)
    if last is None or last.repetitions is None:
        return None
    return REPETITIONS_AFTER if last.repetitions >= REPETITIONS_MANY else last.repetitions


def _latest(today: Sequence[Load], past: Sequence[Workout]) -> Load | None:
    sets = today or (past[-1].sets if past else ())
    return sets[-1] if sets else None


def _average(today: Sequence[Load], past: Sequence[Workout], name: str) -> float | None:
    """Weighted by how recent the workout is."""
    total = share = 0.0
    weight = 1.0
    for group in (today, *(workout.sets for workout in reversed(past))):
        for load in group:
            value = getattr(load, name)
            if value is not None:
                total += value * weight
                share += weight
        weight *= RECENT
    return total / share if share else None


def _mode(today: Sequence[Load], past: Sequence[Workout], name: str) -> int | None:
    """The most frequent; of equally frequent ones the latest."""
    counts: dict[int, int] = {}
    for group in (reversed(today), *(reversed(workout.sets) for workout in reversed(past))):
        for load in group:
            value = getattr(load, name)
            if value is not None:
                counts[value] = counts.get(value, 0) + 1
    return max(counts, key=lambda value: counts[value]) if counts else None


def _by_effort(today: Sequence[Load], past: Sequence[Workout], weight: int | None) -> float | None:
    """The repetitions of the latest set of this very weight, if possible at this place in the workout."""
    if weight is None:
        return None
    index = len(today)
    same_place = [w.sets[index] for w in past if index < len(w.sets) and w.sets[index].weight == weight]
    anywhere = [load for group in [*(w.sets for w in past), today] for load in group if load.weight == weight]
    for group in (same_place, anywhere):
        known = [load.repetitions for load in group if load.repetitions is not None]
        if known:
            return float(known[-1])
    return None
