"""Nights: what is computed over all users, and how far it is."""

from __future__ import annotations

from gateway import api_reads
from gateway.api_models import NightList
from gateway.resources.common import From, Limit, router

routes = router()


@routes.get("/v1/nights")
async def nights(services: From, limit: Limit = 20) -> NightList:
    """Nights with their steps, newest first."""
    return await services.reads(api_reads.nights, services.store, limit)
