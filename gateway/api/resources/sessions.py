"""Users, their exercise sessions, and the sets of those."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path as InPath
from fastapi import Response

from domain.commands import ConfirmLabel, RefuseSuggestion, WithdrawLabel
from domain.frames import EPOCH_MS_MAX
from domain.identifiers import SessionId, check_identifier
from gateway.api import reads as api_reads
from gateway.api.deleting import delete_session
from gateway.api.models import ConfirmedSet, SessionDetail, SessionPage, UserPage
from gateway.api.resources.common import By, Cursor, From, Limit, Name, Now, Said, User, router

routes = router()

StartMs = Annotated[int, InPath(ge=0, le=EPOCH_MS_MAX)]


class SetSaid(Said):
    """What was done in a set, in the user's own words; `said_ms` is when they said so, now if it is None."""

    end_ms: int
    exercise: str
    repetitions: int | None = None
    weight_kg: float | None = None
    said_ms: int | None = None


class RefusalSaid(Said):
    """What the user does not want today, suggested or not; `at_ms` is when they said so, None for now."""

    exercise: str
    at_ms: int | None = None


class Refusal(RefusalSaid):
    at_ms: int


@routes.get("/v1/users")
async def users(services: From, viewer: By, cursor: Cursor = None, limit: Limit = 100) -> UserPage:
    """The users that ever opened a session."""
    if viewer.user is not None:
        return await services.reads(api_reads.user, services.store, viewer.user)
    return await services.reads(api_reads.users, services.store, cursor, limit)


@routes.get("/v1/users/{user}/sessions")
async def sessions(services: From, user: User, cursor: Cursor = None, limit: Limit = 20) -> SessionPage:
    """A user's exercise sessions, newest first."""
    return await services.reads(api_reads.sessions, services.store, user, cursor, limit)


@routes.get("/v1/users/{user}/sessions/{session}")
async def session(services: From, user: User, session: Name) -> SessionDetail:
    """A session with its recognised and confirmed sets and its suggestions."""
    name = check_identifier("session", session)
    return await services.reads(api_reads.session, services.store, user, name)


@routes.delete("/v1/users/{user}/sessions/{session}", status_code=204)
async def delete(services: From, user: User, session: Name, now_ms: Now) -> Response:
    """Let a session be as if it had never been: its sets, labels, sensor rows and what follows from them.

    One that goes on ends by it. What devices still send of it is refused.
    """
    name = SessionId(check_identifier("session", session))
    await delete_session(services, user, name, now_ms)
    return Response(status_code=204)


@routes.post("/v1/users/{user}/sessions/{session}/refusals", status_code=201)
async def refuse(services: From, user: User, session: Name, said: RefusalSaid, now_ms: Now) -> Refusal:
    """Say that an exercise is not wanted in the session that goes on; another is suggested at once."""
    at_ms = now_ms if said.at_ms is None else said.at_ms
    name = SessionId(check_identifier("session", session))
    command = RefuseSuggestion(session=name, command_nr=None, at_ms=at_ms, exercise=said.exercise)
    await services.say(user, command)
    return Refusal(exercise=said.exercise, at_ms=at_ms)


@routes.put("/v1/users/{user}/sessions/{session}/sets/{start_ms}")
async def correct(
    services: From, user: User, session: Name, start_ms: StartMs, said: SetSaid, now_ms: Now
) -> ConfirmedSet:
    """Say what was done in the set that began at `start_ms`, whatever was said of it or recognised before."""
    command = ConfirmLabel(
        session=SessionId(check_identifier("session", session)),
        command_nr=None,
        start_ms=start_ms,
        end_ms=said.end_ms,
        exercise=said.exercise,
        repetitions=said.repetitions,
        weight_kg=said.weight_kg,
        said_ms=now_ms if said.said_ms is None else said.said_ms,
    )
    await services.say(user, command)
    return await services.reads(api_reads.confirmed_set, services.store, user, session, start_ms)


@routes.delete("/v1/users/{user}/sessions/{session}/sets/{start_ms}", status_code=204)
async def withdraw(services: From, user: User, session: Name, start_ms: StartMs, now_ms: Now) -> Response:
    """Say that there was no set, or that it is to be forgotten, of what was confirmed or recognised then."""
    name = check_identifier("session", session)
    end_ms = await services.reads(api_reads.end_of_set, services.store, user, name, start_ms)
    command = WithdrawLabel(
        session=SessionId(name),
        command_nr=None,
        start_ms=start_ms,
        end_ms=end_ms,
        said_ms=now_ms,
    )
    await services.say(user, command)
    return Response(status_code=204)
