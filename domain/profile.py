"""The pure rules of a user's profile and body measurements.

Commands carry the time at which the user said or measured something, and are known by it: of profiles the
newest counts, in whatever order they arrive; what was sent again leads to nothing.
"""

from __future__ import annotations

import msgspec

from domain.events import BodyMeasured, ProfileChanged, ProfileEvent
from domain.profile_commands import Experience, MeasureBody, Quantity, SetProfile, Sex

MEASUREMENTS_KEPT_MAX = 16  # in a user's state; the rows keep all


class Profile(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    changed_ms: int
    birth_year: int | None
    sex: Sex | None
    height_cm: float | None
    experience: Experience | None
    in_statistics: bool


class Measurement(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    at_ms: int
    quantity: Quantity
    value: float


Body = tuple[Measurement, ...]  # by time, oldest first


def decide_profile(
    profile: Profile | None, body: Body, command: SetProfile | MeasureBody
) -> tuple[ProfileChanged] | tuple[BodyMeasured] | tuple[()]:
    """What `command` leads to; nothing if it is known, or a profile that was overtaken by a newer one."""
    if isinstance(command, SetProfile):
        if profile is not None and command.at_ms <= profile.changed_ms:
            return ()
        return (
            ProfileChanged(
                at_ms=command.at_ms,
                birth_year=command.birth_year,
                sex=command.sex,
                height_cm=command.height_cm,
                experience=command.experience,
                in_statistics=command.in_statistics,
            ),
        )
    if _measurement(command) in body:
        return ()
    return (BodyMeasured(at_ms=command.at_ms, quantity=command.quantity, value=command.value),)


def profiled(profile: Profile | None, body: Body, event: ProfileEvent) -> tuple[Profile | None, Body]:
    """Profile and measurements after `event`."""
    if isinstance(event, BodyMeasured):
        others = [known for known in body if _key(known) != _key(event)]
        measured = sorted([*others, _measurement(event)], key=_key)
        return profile, tuple(measured[-MEASUREMENTS_KEPT_MAX:])
    return profile_of(event), body


def profile_of(said: SetProfile | ProfileChanged) -> Profile:
    """The profile once that was said."""
    return Profile(
        changed_ms=said.at_ms,
        birth_year=said.birth_year,
        sex=said.sex,
        height_cm=said.height_cm,
        experience=said.experience,
        in_statistics=said.in_statistics,
    )


def _measurement(measured: MeasureBody | BodyMeasured) -> Measurement:
    return Measurement(at_ms=measured.at_ms, quantity=measured.quantity, value=measured.value)


def _key(measured: Measurement | BodyMeasured) -> tuple[int, str]:
    return measured.at_ms, measured.quantity
