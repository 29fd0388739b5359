"""Who a user is, and what was measured of their body."""

from __future__ import annotations

from fastapi import Request, Response
from pydantic import BaseModel

from domain.profile import Profile
from domain.profile_commands import Experience, MeasureBody, Quantity, SetProfile, Sex
from gateway.api import profile_reads
from gateway.api.conditional import check_holds, replacing, tag_of
from gateway.api.profile_reads import MeasurementItem, MeasurementPage
from gateway.api.resources.common import Cursor, From, Limit, Now, Said, User, router

routes = router()


class ProfileSaid(Said):
    """A profile as a whole; None is not told. `in_statistics`: agreed to be counted in statistics of groups.

    `at_ms` is when the user said so, now if it is None.
    """

    birth_year: int | None = None
    sex: Sex | None = None
    height_cm: float | None = None
    experience: Experience | None = None
    in_statistics: bool = False
    at_ms: int | None = None


class ProfileItem(BaseModel):
    """`changed_ms` is 0 if nothing was told yet."""

    birth_year: int | None = None
    sex: Sex | None = None
    height_cm: float | None = None
    experience: Experience | None = None
    in_statistics: bool = False
    changed_ms: int = 0


class Measured(Said):
    """`value` in the unit that the quantity's name ends with; `at_ms` is now if it is None."""

    quantity: Quantity
    value: float
    at_ms: int | None = None


@routes.get("/v1/users/{user}/profile")
async def profile(services: From, user: User, response: Response) -> ProfileItem:
    """A user's profile; its ETag is for If-Match."""
    return _told((await services.ask(user)).profile, response)


@routes.put("/v1/users/{user}/profile")
async def set_profile(
    services: From, user: User, said: ProfileSaid, now_ms: Now, request: Request, response: Response
) -> ProfileItem:
    """Replace the profile; with If-Match only if it is the one that was read."""
    command = SetProfile(
        at_ms=now_ms if said.at_ms is None else said.at_ms,
        birth_year=said.birth_year,
        sex=said.sex,
        height_cm=said.height_cm,
        experience=said.experience,
        in_statistics=said.in_statistics,
    )
    held = (await services.say(user, replacing(request, command))).profile
    check_holds(0 if held is None else held.changed_ms, command.at_ms)
    return _told(held, response)


@routes.get("/v1/users/{user}/measurements")
async def measurements(
    services: From, user: User, cursor: Cursor = None, limit: Limit = 50, quantity: Quantity | None = None
) -> MeasurementPage:
    """What was measured, by quantity, the newest first."""
    return await services.reads(profile_reads.measurements, services.store, user, quantity, cursor, limit)


@routes.post("/v1/users/{user}/measurements", status_code=201)
async def measure(services: From, user: User, measured: Measured, now_ms: Now) -> MeasurementItem:
    """Add a measurement, or correct that of the same quantity and time."""
    at_ms = now_ms if measured.at_ms is None else measured.at_ms
    await services.say(user, MeasureBody(at_ms=at_ms, quantity=measured.quantity, value=measured.value))
    return MeasurementItem(quantity=measured.quantity, at_ms=at_ms, value=measured.value)


def _told(held: Profile | None, response: Response) -> ProfileItem:
    item = (
        ProfileItem()
        if held is None
        else ProfileItem(
            birth_year=held.birth_year,
            sex=held.sex,
            height_cm=held.height_cm,
            experience=held.experience,
            in_statistics=held.in_statistics,
            changed_ms=held.changed_ms,
        )
    )
    response.headers["ETag"] = tag_of(item.changed_ms)
    return item
