"""What users are doing now."""

from __future__ import annotations

from functools import partial

from fastapi import Request
from fastapi.responses import StreamingResponse

from gateway.api.live import LiveChanges
from gateway.api.resources.common import By, From, router
from gateway.api.stream import LiveEvents

routes = router()


@routes.get("/v1/live")
async def live(services: From, viewer: By) -> LiveChanges:
    """What users are doing now."""
    return services.live.snapshot(viewer.user)


@routes.get("/v1/live/events", response_class=StreamingResponse)
async def live_events(request: Request, services: From, viewer: By) -> LiveEvents:
    """The same as server-sent events of the type `live`, the first one complete, then what changes."""
    return LiveEvents(services.live, viewer.user, partial(services.gate, request))
