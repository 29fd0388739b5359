"""How much the shard hosts of this node take, and how long they need."""

from __future__ import annotations

from dataclasses import dataclass

from actors.load import LoadReport
from gateway.resources.common import From, router

routes = router()


@dataclass(frozen=True, kw_only=True)
class LoadList:
    """By member. `at_ms` is this node's time."""

    at_ms: int
    items: list[LoadReport]


@routes.get("/v1/load")
async def load(services: From) -> LoadList:
    """The newest report of each shard host of this node; other nodes tell of theirs."""
    return LoadList(at_ms=services.now_ms(), items=services.loads.newest())
