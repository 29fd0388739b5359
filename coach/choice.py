"""Which exercises may be suggested at all, and what could stand in for one that may not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache

from coach.catalogue import NO_MORE, Exercise, More, catalogue, meanings
from domain.training import Training

# Who is new begins with one exercise of each, those without equipment first where no place is known.
BEGINNERS_MOVEMENTS = ("squat", "push", "hinge", "pull", "core")


def is_allowed(exercise: str, training: Training, more: More = NO_MORE) -> bool:
    """False for what the user excluded: the exercise by any of its names, or a muscle that it trains.

    Of an exercise that the catalogue does not know nobody can say which muscles it trains: it is not allowed
    once any muscle is excluded.
    """
    exercises, muscles = training.excluded_exercises, training.excluded_muscles
    if not exercises and not muscles:
        return True
    return (
        _is_allowed(exercise, exercises, muscles, more)
        if more
        else _is_known_allowed(exercise, exercises, muscles)
    )


def is_possible(exercise: str, training: Training, more: More = NO_MORE) -> bool:
    """Whether the place has what `exercise` needs; what an unknown one needs, only an empty place has not."""
    place = training.place
    if place is None or place.equipment is None:
        return True
    mine = meanings(exercise, more)
    if not mine:
        return bool(place.equipment)
    return any(each.equipment <= set(place.equipment) for each in mine)


def missing(exercise: str, training: Training, more: More = NO_MORE) -> str:
    """A piece of equipment that `exercise` needs and the place does not have; empty if it is not known."""
    place = training.place
    if place is None or place.equipment is None:
        return ""
    lacking = [sorted(each.equipment - set(place.equipment)) for each in meanings(exercise, more)]
    return lacking[0][0] if lacking and lacking[0] else ""


def substitute(
    exercise: str, training: Training, besides: Collection[str], more: More = NO_MORE
) -> str | None:
    """What is most like `exercise` of what is allowed, possible and not in `besides`; None if nothing is."""
    for name in _most_alike(exercise, more) if more else _alike(exercise):
        if name in besides:
            continue
        if is_allowed(name, training, more) and is_possible(name, training, more):
            return name
    return None


def beginners(training: Training) -> Iterator[str]:
    """For who has no history: an exercise of each movement of those that are allowed and possible."""
    known = [each for each in catalogue().values() if is_allowed(each.name, training)]
    for movement in BEGINNERS_MOVEMENTS:
        fitting = [
            each
            for each in known
            if each.movement == movement
            and (is_possible(each.name, training) if training.place is not None else not each.equipment)
        ]
        if fitting:
            yield min(fitting, key=lambda each: each.kind != "compound").name


def _is_allowed(exercise: str, exercises: tuple[str, ...], muscles: tuple[str, ...], more: More) -> bool:
    if exercise in exercises:
        return False
    mine = meanings(exercise, more)
    if any(each in meanings(name, more) for name in exercises for each in mine):
        return False
    if not muscles:
        return True
    return bool(mine) and not any(muscle in muscles for each in mine for muscle in each.muscles)


@lru_cache(maxsize=8192)
def _is_known_allowed(exercise: str, exercises: tuple[str, ...], muscles: tuple[str, ...]) -> bool:
    """The same of the catalogue alone: asked for several times a suggestion, always the same."""
    return _is_allowed(exercise, exercises, muscles, NO_MORE)


@lru_cache(maxsize=1024)
def _alike(exercise: str) -> tuple[str, ...]:
    return _most_alike(exercise, NO_MORE)


def _most_alike(exercise: str, more: More) -> tuple[str, ...]:
    """Other exercises of the same movement that train a primary muscle of it, the most alike first."""
    mine = meanings(exercise, more)[:1]
    found = [
        (_likeness(mine[0], other), other.name)
        for other in ((*catalogue().values(), *more.values()) if mine else ())
        if other not in meanings(exercise, more)
        and other.movement == mine[0].movement
        and set(other.primary) & set(mine[0].primary)
    ]
    return tuple(name for _, name in sorted(found, key=lambda each: -each[0]))


def _likeness(one: Exercise, other: Exercise) -> float:
    shared = len(set(one.primary) & set(other.primary)) / len(set(one.primary) | set(other.primary))
    return shared + 0.5 * (one.kind == other.kind) + 0.25 * (one.sides == other.sides)
