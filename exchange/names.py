"""Which exercise of the catalogue another program means: `names.csv`, what a user adds to it, and no guesses.

Names are compared without case, accents and punctuation: `Bench Press (Barbell)` is `bench press barbell`.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import cast

from coach.catalogue import catalogue
from domain.contributed import Contributed, Movement, check_contributed
from domain.errors import InvalidInput
from domain.identifiers import check_identifier
from exchange.tables import Row, rows

IDENTIFIER_MAX = 64
_OTHER = re.compile(r"[^0-9a-z]+")
_OWN = re.compile(r"[a-z0-9][a-z0-9_.:@-]{0,63}")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "'": "", "\u2019": ""})


def normal(name: str) -> str:
    """Words of a to z and digits, separated by one blank; empty if there are none."""
    apart = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return _OTHER.sub(" ", plain).strip()


def exercise_of(name: str, more: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """The catalogue's name, or that of `more` (by normal names); None if nobody knows what is meant."""
    key = normal(name)
    return more.get(key) or known_names().get(key)


def own_name(name: str) -> str | None:
    """An identifier made of a name that nobody knows, as `cable-cross-deluxe`; None if nothing is left.

    What is one already, as muvr writes its own, stays.
    """
    if _OWN.fullmatch(name):
        return name
    found = normal(name).replace(" ", "-")[:IDENTIFIER_MAX].strip("-")
    return found or None


@lru_cache(maxsize=1)
def known_names() -> Mapping[str, str]:
    """The catalogue's exercise by each normal name, the catalogue's own names among them."""
    known = {normal(name): name for name in catalogue()}
    for exercise, names in _table():
        for called in names:
            known.setdefault(normal(called), exercise)
    return MappingProxyType(known)


@dataclass(frozen=True, kw_only=True)
class Names:
    """A user's own table: exercises by normal names; and those that it describes, by their own."""

    means: Mapping[str, str] = field(default_factory=dict)
    described: Mapping[str, Contributed] = field(default_factory=dict)


def program_name(exercise: str) -> str:
    """What Strong and Hevy call an exercise; its own name if the table does not know it."""
    return _program_names().get(exercise, exercise)


def read_names(text: str, file: str) -> Names:
    """Rows under `name,exercise`, or with the four columns more that describe an exercise to others:

        primary  secondary  equipment  movement

    with muscles and equipment separated by `|`, as the catalogue has them. Raises InvalidInput with the line.
    """
    means: dict[str, str] = {}
    described: dict[str, Contributed] = {}
    for row in rows(text, file):
        try:
            if not normal(row["name"]):
                raise InvalidInput(f"{row['name'][:40]!r} is no name", expected="letters or digits")
            exercise = check_identifier("exercise", row["exercise"])
            if row["primary"]:
                described[exercise] = check_contributed(_described(exercise, row))
        except InvalidInput as error:
            error.wrong = f"{file}, line {row.line_nr}: {error.wrong}"
            raise
        means[normal(row["name"])] = exercise
    return Names(means=means, described=described)


def _described(exercise: str, row: Row) -> Contributed:
    return Contributed(
        name=exercise,
        at_ms=0,
        primary=_several(row["primary"]),
        secondary=_several(row["secondary"]),
        equipment=_several(row["equipment"]),
        movement=cast(Movement, row["movement"]),
    )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split("|") if part.strip())


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each exercise of `names.csv` and what it is called, Strong's name first."""
    text = files(__name__.rpartition(".")[0]).joinpath("names.csv").read_text(encoding="utf-8")
    return tuple(
        (row["exercise"], tuple(row["called"].split("|"))) for row in csv.DictReader(text.splitlines())
    )


@lru_cache(maxsize=1)
def _program_names() -> Mapping[str, str]:
    return {exercise: called[0] for exercise, called in _table()}
