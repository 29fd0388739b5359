"""The HTTP API under /v1, and the page: reads the store and the live view, writes through users' actors."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.staticfiles import StaticFiles

from domain.errors import MuvrError
from gateway.api.commanding import Commands
from gateway.api.gate import Gate
from gateway.api.guard import LoopbackOnly, Shell
from gateway.api.live import LiveView
from gateway.api.metrics import CountedRequests
from gateway.api.node_load import LOOK_SECONDS, NodeLoad
from gateway.api.oidc_provider import Provider
from gateway.api.openapi import describe
from gateway.api.parts import Parts
from gateway.api.privacy import Keys, Privacy
from gateway.api.problems import install
from gateway.api.rates import Rate, Rates
from gateway.api.resources import (
    accounts,
    care,
    cluster,
    exercises,
    health,
    live,
    load,
    metrics,
    models,
    nights,
    privacy,
    profile,
    progress,
    records,
    sessions,
    sign_in,
    training,
    watch,
)
from gateway.api.services import Services
from gateway.api.vendor import Vendor
from gateway.api.watch_page import THIS_HOST, Gateways
from gateway.auth import Tokens
from gateway.revocations import POLL_SECONDS, Revocations
from persistence.pairings import PairingStore
from persistence.ports import Store
from persistence.requests import RequestStore
from persistence.revocations import RevocationStore

PAGE_DIRECTORY = Path(__file__).with_name("page")
RESOURCES = (
    accounts,
    care,
    cluster,
    exercises,
    health,
    live,
    load,
    metrics,
    models,
    nights,
    privacy,
    profile,
    progress,
    records,
    sessions,
    sign_in,
    training,
    watch,
)


PURGE_SECONDS = 3600.0
# Of codes and refresh tokens: whoever guesses is slow, and who has a household of devices is not.
RATE_PER_ADDRESS = Rate(burst=20, per_minute=20)
RATE_OF_ALL = Rate(burst=1000, per_minute=3000)

_log = logging.getLogger(__name__)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def create_app(
    store: Store,
    live_view: LiveView,
    tokens: Tokens | None,
    commands: Commands | None = None,
    now_ms: Callable[[], int] = now_ms,
    now_s: Callable[[], float] = time.monotonic,
    *,
    is_open: bool = False,
    gateways: Gateways = THIS_HOST,
    node_load: NodeLoad | None = None,
    keys: Keys | None = None,
    provider: Provider | None = None,
    parts: Parts | None = None,
) -> FastAPI:
    """The API and page over `store` and `live_view`, which the caller closes, and the users' actors.

    If it `is_open`, or without `tokens`, everyone may do everything, but only under a loopback name; nobody
    is known then, so no one is written down. `tokens` are then for devices alone. Phones are sent to
    `gateways`. Without `keys` nobody is exported or erased. With `provider` people may sign in. The node
    is ready while `parts` are.
    """
    gate = Gate(tokens, is_open=is_open)
    services = Services(
        store=store,
        live=live_view,
        gate=gate,
        commands=commands or Commands(),
        requests=RequestStore(store),
        revocations=Revocations(store),
        rates=Rates(RATE_PER_ADDRESS, RATE_OF_ALL, now_s),
        privacy=Privacy(store, keys, now_ms),
        provider=None if gate.is_open else provider,
        parts=parts or Parts(),
        now_ms=now_ms,
        gateways=gateways,
        load=node_load or NodeLoad(),
    )

    app = FastAPI(
        title="muvr",
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,  # its scripts come from another host
        redoc_url=None,
        lifespan=_serving,
    )
    app.state.services = services
    for resource in RESOURCES:
        app.include_router(resource.routes)
    install(app)
    describe(app)
    _surround(app, is_open=gate.is_open)
    return app


@asynccontextmanager
async def _serving(app: FastAPI) -> AsyncIterator[None]:
    """What goes on beside the requests, while there may be some."""
    services: Services = app.state.services
    tasks = [asyncio.create_task(each(services)) for each in (_purge_now_and_then, _look_now_and_then)]
    if (tokens := services.gate.tokens) is not None:
        await services.reads(services.revocations.refresh)
        tokens.is_revoked = services.revocations.include
        tasks.append(asyncio.create_task(_follow_revocations(services, tokens)))
    yield
    for task in tasks:
        task.cancel()
    services.close()


def _surround(app: FastAPI, *, is_open: bool) -> None:
    """The page beside the routes, and the layers around all."""
    app.mount("/vendor", GZipMiddleware(Vendor()), name="vendor")
    app.mount("/", GZipMiddleware(StaticFiles(directory=PAGE_DIRECTORY, html=True)), name="page")
    if is_open:
        app.add_middleware(LoopbackOnly)
    app.add_middleware(Shell)
    app.add_middleware(CountedRequests)


async def _purge_now_and_then(services: Services) -> None:
    """Forget the requests of yesterday, codes and revocations that are over."""
    purges = (
        services.requests.purge,
        PairingStore(services.store).purge,
        RevocationStore(services.store).purge,
    )
    while True:
        for purge in purges:
            try:
                await services.reads(purge, services.now_ms())
            except MuvrError as error:
                _log.warning("what is over was not forgotten: %s", error)
        await asyncio.sleep(PURGE_SECONDS)


async def _look_now_and_then(services: Services) -> None:
    while True:
        try:
            await services.reads(services.load.look)
        except (MuvrError, OSError) as error:
            _log.warning("the node's load was not read: %s", error)
        await asyncio.sleep(LOOK_SECONDS)


async def _follow_revocations(services: Services, tokens: Tokens) -> None:
    """What another process revokes counts here a moment later, and keys are changed without a restart."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        try:
            await services.reads(tokens.read_keys)
            await services.reads(services.revocations.refresh)
        except MuvrError as error:
            _log.warning("revoked tokens were not read: %s", error)
