"""The HTTP API under /v1, and the page: reads the store and the live view, writes through users' actors."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from domain.errors import MuvrError
from gateway.api_access import Gate
from gateway.api_guard import LoopbackOnly, Shell
from gateway.api_metrics import CountedRequests
from gateway.api_problems import install
from gateway.api_reads import Reads
from gateway.auth import Tokens
from gateway.commanding import Commands
from gateway.live import LiveView
from gateway.resources import (
    care,
    cluster,
    exercises,
    health,
    live,
    metrics,
    models,
    nights,
    profile,
    records,
    sessions,
    training,
)
from gateway.services import Services
from persistence.ports import Store
from persistence.requests import RequestStore

PAGE_DIRECTORY = Path(__file__).with_name("page")
RESOURCES = (
    care,
    cluster,
    exercises,
    health,
    live,
    metrics,
    models,
    nights,
    profile,
    records,
    sessions,
    training,
)


PURGE_SECONDS = 3600.0

_log = logging.getLogger(__name__)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def create_app(
    store: Store,
    live_view: LiveView,
    tokens: Tokens | None,
    commands: Commands | None = None,
    now_ms: Callable[[], int] = now_ms,
) -> FastAPI:
    """The API and page over `store` and `live_view`, which the caller closes, and the users' actors.

    With `tokens=None` everyone may do everything, but only under a loopback name.
    """
    services = Services(
        store=store,
        live=live_view,
        reads=Reads(),
        gate=Gate(tokens),
        commands=commands or Commands(),
        requests=RequestStore(store),
        now_ms=now_ms,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        purging = asyncio.create_task(_purge_now_and_then(services))
        yield
        purging.cancel()
        services.reads.close()

    app = FastAPI(
        title="muvr",
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,  # its scripts come from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    for resource in RESOURCES:
        app.include_router(resource.routes)
    app.mount("/", StaticFiles(directory=PAGE_DIRECTORY, html=True), name="page")
    install(app)
    if tokens is None:
        app.add_middleware(LoopbackOnly)
    app.add_middleware(Shell)
    app.add_middleware(CountedRequests)
    return app


async def _purge_now_and_then(services: Services) -> None:
    """Forget the requests of yesterday."""
    while True:
        try:
            await services.reads(services.requests.purge, services.now_ms())
        except MuvrError as error:
            _log.warning("old requests were not forgotten: %s", error)
        await asyncio.sleep(PURGE_SECONDS)
