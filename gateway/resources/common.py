"""What every route may ask for: the services behind it, who asks, pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath

from domain.commands import AskUser, Command
from domain.errors import MuvrError
from domain.identifiers import UserId, check_identifier
from domain.replies import UserTold
from gateway.api_access import Gate, Viewer
from gateway.api_reads import Reads
from gateway.commanding import Commands
from gateway.conditional import ConditionalRoute
from gateway.live import LiveView
from persistence.ports import Store

LIMIT_MAX = 200


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the routes work with. `now_ms` is since 1970."""

    store: Store
    live: LiveView
    reads: Reads
    gate: Gate
    commands: Commands
    now_ms: Callable[[], int]

    async def say(self, user: UserId, command: Command) -> UserTold:
        """What holds of the user once `command` is durable; raises what `Commands` does."""
        reply = await self.commands(user, command)
        if not isinstance(reply, UserTold):
            raise MuvrError(f"the user's actor answered with {type(reply).__name__}")
        return reply

    async def ask(self, user: UserId) -> UserTold:
        return await self.say(user, AskUser())


def services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def viewer_of(request: Request) -> Viewer:
    return services_of(request).gate(request)


def router() -> APIRouter:
    """Every route passes the gate, also one that asks for nothing else."""
    return APIRouter(dependencies=[Depends(viewer_of)], route_class=ConditionalRoute)


def user_of(user: Annotated[str, InPath(max_length=64)]) -> UserId:
    return UserId(check_identifier("user", user))


From = Annotated[Services, Depends(services_of)]
By = Annotated[Viewer, Depends(viewer_of)]
User = Annotated[UserId, Depends(user_of)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str | None, Query(max_length=128)]
Name = Annotated[str, InPath(max_length=64)]
