"""The page that makes a phone a sensor."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from gateway.api.resources.common import From, router
from gateway.api.watch_page import watch_page

routes = router()


@routes.get("/watch", response_class=HTMLResponse, include_in_schema=False)
async def watch(request: Request, services: From) -> HTMLResponse:
    """The page, for the name that it was asked for under."""
    where = request.url
    return await services.reads(
        watch_page, services.store, services.gateways, where.scheme, where.hostname or ""
    )
