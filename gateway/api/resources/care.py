"""Physiotherapists and coaches: whom they may look after, what they prescribe, and what was done of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from domain.care_commands import AskAdherence, SetProgramme
from domain.errors import MuvrError
from domain.frames import EPOCH_MS_MAX
from domain.identifiers import UserId, check_identifier
from domain.programme import Prescription, Programme, Span
from domain.replies import AdherenceTold
from domain.statements import API
from gateway.api.conditional import check_holds, replacing, tag_of
from gateway.api.resources.common import Cursor, From, Limit, Name, Now, Said, User, router
from persistence.grants import GrantStore

routes = router()


class Bounds(Said):
    """Limits are inclusive; None is no limit on that side."""

    least: float | None = None
    most: float | None = None


class PrescriptionSaid(Said):
    """`tempo_s`: how long a repetition may take; `reach`: how far it goes, as a share of the reference's."""

    exercise: str
    set_count: int
    repetitions: int
    days_per_week: int
    tempo_s: Bounds = Field(default_factory=Bounds)
    reach: Bounds = Field(default_factory=Bounds)
    repetitions_limit: int | None = None


class ProgrammeSaid(Said):
    """As a whole; without prescriptions it has ended. `at_ms` is when it was prescribed, or now."""

    prescriptions: tuple[PrescriptionSaid, ...] = ()
    heart_rate_limit: int | None = None
    at_ms: int | None = None


class ProgrammeItem(ProgrammeSaid):
    """`at_ms` is 0 if nothing was prescribed yet."""

    at_ms: int


class WeekItem(Said):
    """An exercise in the week that begins at `week_ms`: sets `prescribed` and `done`, on so many `days`.

    Of `measured` repetitions `within` kept the programme's bounds.
    """

    week_ms: int
    exercise: str
    prescribed: int
    done: int
    days: int
    repetitions: int
    measured: int
    within: int
    reach_share: float | None


@dataclass(frozen=True, kw_only=True)
class Adherence:
    """By week and exercise, oldest first."""

    at_ms: int
    weeks: list[WeekItem]


@dataclass(frozen=True, kw_only=True)
class GrantItem:
    user: str
    coach: str
    given_ms: int


@dataclass(frozen=True, kw_only=True)
class GrantList:
    items: list[GrantItem]


@dataclass(frozen=True, kw_only=True)
class GrantPage:
    """By patient. `next_cursor` gets the page that follows; None on the last one."""

    items: list[GrantItem]
    next_cursor: str | None


@routes.get("/v1/users/{user}/programme")
async def programme(services: From, user: User, response: Response) -> ProgrammeItem:
    """What is prescribed; its ETag is for If-Match."""
    return _held((await services.ask(user)).programme, response)


@routes.put("/v1/users/{user}/programme")
async def prescribe(
    services: From, user: User, said: ProgrammeSaid, now_ms: Now, request: Request, response: Response
) -> ProgrammeItem:
    """Replace the programme; with If-Match only if it is the one that was read."""
    made = Programme(
        at_ms=now_ms if said.at_ms is None else said.at_ms,
        prescriptions=tuple(_prescription(each) for each in said.prescriptions),
        heart_rate_limit=said.heart_rate_limit,
    )
    command = SetProgramme(device=API, programme=made)
    held = (await services.say(user, replacing(request, command))).programme
    check_holds(held.at_ms, made.at_ms)
    return _held(held, response)


@routes.get("/v1/users/{user}/adherence")
async def adherence(
    services: From, user: User, now_ms: Now, at_ms: Annotated[int | None, Query(ge=0, le=EPOCH_MS_MAX)] = None
) -> Adherence:
    """What was done of the programme until `at_ms`, or now."""
    until_ms = now_ms if at_ms is None else at_ms
    reply = await services.commands(user, AskAdherence(at_ms=until_ms))
    if not isinstance(reply, AdherenceTold):
        raise MuvrError(f"the user's actor answered with {type(reply).__name__}")
    return Adherence(at_ms=until_ms, weeks=[WeekItem.model_validate(week) for week in reply.weeks])


@routes.get("/v1/users/{user}/grants")
async def grants(services: From, user: User) -> GrantList:
    """Who may look after the user."""
    given = await services.reads(GrantStore(services.store).of_user, user)
    return GrantList(items=[GrantItem(user=g.user_id, coach=g.coach_id, given_ms=g.given_at) for g in given])


@routes.put("/v1/users/{user}/grants/{coach}")
async def grant(services: From, user: User, coach: Name, now_ms: Now) -> GrantItem:
    """Let a coach see what the user does, and prescribe."""
    name = UserId(check_identifier("coach", coach))
    given = await services.reads(GrantStore(services.store).give, user, name, now_ms)
    return GrantItem(user=given.user_id, coach=given.coach_id, given_ms=given.given_at)


@routes.delete("/v1/users/{user}/grants/{coach}", status_code=204)
async def take_back(services: From, user: User, coach: Name) -> Response:
    """From now on the coach sees nothing of the user."""
    name = UserId(check_identifier("coach", coach))
    await services.reads(GrantStore(services.store).take_back, user, name)
    return Response(status_code=204)


@routes.get("/v1/coaches/{user}/patients")
async def patients(services: From, user: User, cursor: Cursor = None, limit: Limit = 100) -> GrantPage:
    """Who let this coach look after them."""
    after = check_identifier("cursor", cursor) if cursor else ""
    given, following = await services.reads(GrantStore(services.store).of_coach, user, after, limit)
    items = [GrantItem(user=g.user_id, coach=g.coach_id, given_ms=g.given_at) for g in given]
    return GrantPage(items=items, next_cursor=following)


def _prescription(said: PrescriptionSaid) -> Prescription:
    return Prescription(
        exercise=said.exercise,
        set_count=said.set_count,
        repetitions=said.repetitions,
        days_per_week=said.days_per_week,
        tempo_s=Span(**said.tempo_s.model_dump()),
        reach=Span(**said.reach.model_dump()),
        repetitions_limit=said.repetitions_limit,
    )


def _held(held: Programme, response: Response) -> ProgrammeItem:
    response.headers["ETag"] = tag_of(held.at_ms)
    return ProgrammeItem.model_validate(held)
