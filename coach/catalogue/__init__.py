"""What is known of each exercise: the muscles it trains, what it needs, how it moves, how much is usual.

Two tables beside this file: `exercises.csv`, the catalogue, and `recordings.csv`: which exercise the labels
of data sets of recordings mean, empty where that is not certain. Muscles, equipment and ranges of load are
common knowledge of training, written down for this project. The ranges (share of body weight; of one
dumbbell) go from a beginner to someone strong and serve to choose a first weight, not to forbid one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import cast, get_args

from domain.contributed import Contributed, Kind, Movement, Sides

LOADED = frozenset({"barbell", "trap-bar", "dumbbell", "kettlebell", "cable", "machine"})


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """`equipment` is needed all at once; `share_min` and `share_max` bound a usual weight, if it has any."""

    name: str
    primary: tuple[str, ...]
    secondary: tuple[str, ...]
    equipment: frozenset[str]
    movement: Movement
    kind: Kind
    sides: Sides
    share_min: float | None
    share_max: float | None

    @property
    def muscles(self) -> tuple[str, ...]:
        return self.primary + self.secondary

    @property
    def loader(self) -> str | None:
        """The equipment that carries the weight, or None."""
        return next(iter(self.equipment & LOADED), None)


More = Mapping[str, Exercise]  # exercises besides the catalogue's, by name
NO_MORE: More = MappingProxyType({})


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Exercise]:
    """All exercises by name, in the table's order."""
    return MappingProxyType({row["name"]: _exercise(row) for row in _rows("exercises.csv")})


@lru_cache(maxsize=1)
def labels() -> Mapping[tuple[str, str], Exercise | None]:
    """What (data set, label) means; None where it is not certain."""
    known = catalogue()
    return MappingProxyType(
        {
            (row["data_set"], row["label"]): known[row["exercise"]] if row["exercise"] else None
            for row in _rows("recordings.csv")
        }
    )


def described(exercises: Iterable[Contributed]) -> More:
    """What users contributed, by name, in the catalogue's form; of a name that it has, its own holds."""
    return {
        each.name: Exercise(
            name=each.name,
            primary=each.primary,
            secondary=each.secondary,
            equipment=frozenset(each.equipment),
            movement=each.movement,
            kind=each.kind,
            sides=each.sides,
            share_min=None,
            share_max=None,
        )
        for each in exercises
        if each.name not in catalogue()
    }


def meanings(name: str, more: More = NO_MORE) -> tuple[Exercise, ...]:
    """The exercises that `name` may mean, of the catalogue, of `more` or as a label of recordings."""
    return (more[name],) if name in more else _meanings(name)


@lru_cache(maxsize=4096)
def _meanings(name: str) -> tuple[Exercise, ...]:
    if (exact := catalogue().get(name)) is not None:
        return (exact,)
    several = [exercise for (_, label), exercise in labels().items() if label == name]
    if None in several:
        return ()
    return tuple({each.name: each for each in several if each is not None}.values())


@lru_cache(maxsize=4096)
def is_known(name: str) -> bool:
    """Whether `name` is of the catalogue or of recordings, and not made up by a user."""
    return name in catalogue() or any(label == name for _, label in labels())


def _rows(name: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(files(__name__).joinpath(name).read_text(encoding="utf-8").splitlines())


def _exercise(row: Mapping[str, str]) -> Exercise:
    return Exercise(
        name=row["name"],
        primary=_several(row["primary"]),
        secondary=_several(row["secondary"]),
        equipment=frozenset(_several(row["equipment"])),
        movement=cast(Movement, _one_of(row["movement"], get_args(Movement))),
        kind=cast(Kind, _one_of(row["kind"], get_args(Kind))),
        sides=cast(Sides, _one_of(row["sides"], get_args(Sides))),
        share_min=float(row["share_min"]) if row["share_min"] else None,
        share_max=float(row["share_max"]) if row["share_max"] else None,
    )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{value!r} in the catalogue is none of {', '.join(allowed)}")
    return value
