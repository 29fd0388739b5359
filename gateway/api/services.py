"""What the routes of the HTTP API work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from domain.commands import AskUser, Command
from domain.errors import MuvrError
from domain.identifiers import UserId, check_identifier
from domain.replies import UserTold
from gateway.access import OF_EVERYONE
from gateway.api.commanding import Commands
from gateway.api.forwarding import Forwarder
from gateway.api.gate import Gate, Viewer, not_theirs, route_name
from gateway.api.live import LiveView
from gateway.api.node_load import NodeLoad
from gateway.api.oidc_provider import Provider
from gateway.api.parts import Parts
from gateway.api.privacy import Privacy
from gateway.api.rates import Rates
from gateway.api.reads import Reads
from gateway.api.watch_page import Gateways
from gateway.revocations import Revocations
from persistence.grants import GrantStore
from persistence.ports import Store
from persistence.requests import RequestStore


@dataclass(frozen=True, kw_only=True)
class Services:
    """`now_ms` is since 1970."""

    store: Store
    live: LiveView
    gate: Gate
    commands: Commands
    requests: RequestStore
    revocations: Revocations
    rates: Rates
    privacy: Privacy
    provider: Provider | None  # with which people may sign in
    parts: Parts
    now_ms: Callable[[], int]
    gateways: Gateways
    load: NodeLoad
    reads: Reads = field(default_factory=Reads)
    slow_reads: Reads = field(default_factory=Reads)  # what takes long, so that the others do not wait for it
    provider_reads: Reads = field(default_factory=Reads)  # what the provider is asked
    forward: Forwarder = field(default_factory=Forwarder)

    def close(self) -> None:
        for threads in (self.reads, self.slow_reads, self.provider_reads, self.forward):
            threads.close()

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


async def viewer_of(request: Request) -> Viewer:
    """Who asks, once they may; raises NotAuthorised or Forbidden."""
    services = services_of(request)
    viewer = services.gate(request)
    if viewer.wants is not None:
        assert viewer.subject is not None, "who needs a grant has a name"
        grants = GrantStore(services.store)
        if not await services.reads(grants.is_given, viewer.wants, viewer.subject):
            raise not_theirs(viewer.wants)
    return viewer


async def attended(request: Request, viewer: Annotated[Viewer, Depends(viewer_of)]) -> None:
    """Whoever looks at what is another's, or everyone's, is written down before it is shown."""
    services, name = services_of(request), route_name(request)
    user = request.path_params.get("user")
    if user is None and (viewer.user is not None or name not in OF_EVERYONE):
        return
    checked = None if user is None else UserId(check_identifier("user", user))
    why = request.headers.get("x-reason", "")
    await services.reads(services.privacy.attend, checked, viewer, name, why)


async def said_ms_of(request: Request) -> int:
    """When what a request says was said: when it first came."""
    said_ms: int | None = getattr(request.state, "said_ms", None)
    return services_of(request).now_ms() if said_ms is None else said_ms
