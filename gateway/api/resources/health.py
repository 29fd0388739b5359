"""Whether the process, its store and the node's other processes answer."""

from __future__ import annotations

from gateway.api import reads as api_reads
from gateway.api.models import Health
from gateway.api.resources.common import From, router

routes = router()


@routes.get("/health")
async def health() -> Health:
    """The process answers."""
    return Health("ok")


@routes.get("/ready")
async def ready(services: From) -> Health:
    """So do the store, the device gateway and every shard host of the node."""
    await services.reads(api_reads.check_ready, services.store)
    await services.reads(services.parts.check, services.now_ms())
    return Health("ready")
