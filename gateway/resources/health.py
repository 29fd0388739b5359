"""Whether the process and its store answer."""

from __future__ import annotations

from gateway import api_reads
from gateway.api_models import Health
from gateway.resources.common import From, router

routes = router()


@routes.get("/health")
async def health() -> Health:
    """The process answers."""
    return Health("ok")


@routes.get("/ready")
async def ready(services: From) -> Health:
    """The store answers too."""
    await services.reads(api_reads.check_ready, services.store)
    return Health("ready")
