"""What a user says of themselves: profile and body measurements, within their limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from domain.errors import InvalidInput
from domain.frames import EPOCH_MS_MAX

Sex = Literal["female", "male", "other"]
Experience = Literal["novice", "intermediate", "advanced"]
Quantity = Literal["body_weight_kg", "resting_heart_rate_per_minute"]

BIRTH_YEARS = (1900, 2100)  # limits are inclusive
HEIGHTS_CM = (50.0, 280.0)
VALUES: dict[Quantity, tuple[float, float]] = {
    "body_weight_kg": (20.0, 500.0),
    "resting_heart_rate_per_minute": (20.0, 250.0),
}


class SetProfile(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="profile"):
    """Who the user is, as a whole; None is not told. `at_ms` is when the user said so.

    `in_statistics`: the user agrees to be counted in statistics about groups of users.
    """

    at_ms: int
    birth_year: int | None
    sex: Sex | None
    height_cm: float | None
    experience: Experience | None
    in_statistics: bool


class MeasureBody(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="measure"):
    """What was measured at `at_ms`, in the unit that the quantity's name says."""

    at_ms: int
    quantity: Quantity
    value: float


class SetConsent(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="set_consent"):
    """What the user agrees to from now on, as a whole; see domain/consent.py. Of no session."""

    at_ms: int
    recognition: bool
    statistics: bool
    training: bool


ProfileCommand = SetProfile | MeasureBody | SetConsent


def check_profile_command(command: ProfileCommand) -> ProfileCommand:
    """Return `command` if every field keeps its limits, else raise InvalidInput naming one that does not."""
    _check("at_ms", command.at_ms, (0, EPOCH_MS_MAX))
    if isinstance(command, SetConsent):
        return command
    if isinstance(command, SetProfile):
        _check("birth year", command.birth_year, BIRTH_YEARS)
        _check("height in cm", command.height_cm, HEIGHTS_CM)
        _check_of("sex", command.sex, (None, *get_args(Sex)))
        _check_of("experience", command.experience, (None, *get_args(Experience)))
        return command
    _check_of("quantity", command.quantity, get_args(Quantity))
    _check(command.quantity, command.value, VALUES[command.quantity])
    return command


def _check_of(name: str, value: str | None, known: Sequence[str | None]) -> None:
    if value not in known:
        words = ", ".join(each for each in known if each is not None)
        raise InvalidInput(
            f"unknown {name} {str(value)[:32]!r}", expected=f"one of {words}", remedy="correct the message"
        )


def _check(name: str, value: float | None, limits: tuple[float, float]) -> None:
    lowest, highest = limits
    if value is not None and not (math.isfinite(value) and lowest <= value <= highest):
        raise InvalidInput(
            f"{name} {value:g}", expected=f"{lowest:g} to {highest:g}", remedy="correct the message"
        )
