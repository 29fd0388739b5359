"""The HTTP API under /v1, and the page: reads the store and the live view, changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles

from domain.identifiers import UserId, check_identifier
from gateway import api_model_reads, api_reads
from gateway.api_access import Gate, Viewer
from gateway.api_guard import LoopbackOnly, Shell
from gateway.api_metrics import CountedRequests, node_metrics
from gateway.api_models import Health, ModelDetail, ModelList, NightList, SessionDetail, SessionPage, UserPage
from gateway.api_problems import install
from gateway.api_reads import Reads
from gateway.api_stream import LiveEvents
from gateway.auth import Tokens
from gateway.live import LiveChanges, LiveView
from persistence.ports import Store

PAGE_DIRECTORY = Path(__file__).with_name("page")
LIMIT_MAX = 200


@dataclass(frozen=True)
class Services:
    """What the routes work with."""

    store: Store
    live: LiveView
    reads: Reads
    gate: Gate


def create_app(store: Store, live: LiveView, tokens: Tokens | None) -> FastAPI:
    """The API and page over `store` and `live`, which the caller closes.

    With `tokens=None` everyone may read everything, but only under a loopback name.
    """
    services = Services(store, live, Reads(), Gate(tokens))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
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
    app.include_router(_routes)
    app.mount("/", StaticFiles(directory=PAGE_DIRECTORY, html=True), name="page")
    install(app)
    if tokens is None:
        app.add_middleware(LoopbackOnly)
    app.add_middleware(Shell)
    app.add_middleware(CountedRequests)
    return app


def _services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def _viewer_of(request: Request) -> Viewer:
    return _services_of(request).gate(request)


# Every route passes the gate, also one that asks for nothing else.
_routes = APIRouter(dependencies=[Depends(_viewer_of)])

From = Annotated[Services, Depends(_services_of)]
By = Annotated[Viewer, Depends(_viewer_of)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str | None, Query(max_length=128)]
Name = Annotated[str, InPath(max_length=64)]


@_routes.get("/health")
async def health() -> Health:
    """The process answers."""
    return Health("ok")


@_routes.get("/ready")
async def ready(services: From) -> Health:
    """The store answers too."""
    await services.reads(api_reads.check_ready, services.store)
    return Health("ready")


@_routes.get("/metrics")
def metrics(request: Request) -> Response:
    """What the node counts, for Prometheus."""
    return node_metrics(request)


@_routes.get("/v1/live")
async def live(services: From, viewer: By) -> LiveChanges:
    """What users are doing now."""
    return services.live.snapshot(viewer.user)


@_routes.get("/v1/live/events", response_class=StreamingResponse)
async def live_events(request: Request, services: From, viewer: By) -> LiveEvents:
    """The same as server-sent events of the type `live`, the first one complete, then what changes."""
    return LiveEvents(services.live, viewer.user, partial(services.gate, request))


@_routes.get("/v1/users")
async def users(services: From, viewer: By, cursor: Cursor = None, limit: Limit = 100) -> UserPage:
    """The users that ever opened a session."""
    if viewer.user is not None:
        return await services.reads(api_reads.user, services.store, viewer.user)
    return await services.reads(api_reads.users, services.store, cursor, limit)


@_routes.get("/v1/users/{user}/sessions")
async def sessions(services: From, user: Name, cursor: Cursor = None, limit: Limit = 20) -> SessionPage:
    """A user's exercise sessions, newest first."""
    name = UserId(check_identifier("user", user))
    return await services.reads(api_reads.sessions, services.store, name, cursor, limit)


@_routes.get("/v1/users/{user}/sessions/{session}")
async def session(services: From, user: Name, session: Name) -> SessionDetail:
    """A session with its recognised and confirmed sets and its suggestions."""
    name, session_id = check_identifier("user", user), check_identifier("session", session)
    return await services.reads(api_reads.session, services.store, name, session_id)


@_routes.get("/v1/models")
async def models(services: From, viewer: By, limit: Limit = 50) -> ModelList:
    """Trained models with their evaluations, newest first."""
    return await services.reads(api_model_reads.models, services.store, viewer.user, limit)


@_routes.get("/v1/models/{model_id}")
async def model(services: From, viewer: By, model_id: Name) -> ModelDetail:
    """A model with its evaluations in full."""
    name = check_identifier("model", model_id)
    return await services.reads(api_model_reads.model, services.store, viewer.user, name)


@_routes.get("/v1/nights")
async def nights(services: From, limit: Limit = 20) -> NightList:
    """Nights with their steps, newest first."""
    return await services.reads(api_reads.nights, services.store, limit)
