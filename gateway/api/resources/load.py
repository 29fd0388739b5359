"""How much this node takes, and how long it needs."""

from __future__ import annotations

from gateway.api.node_load import LoadReport
from gateway.api.resources.common import From, router

routes = router()


@routes.get("/v1/load")
async def load(services: From) -> LoadReport:
    """Of the last ten to twenty seconds, from what the node's processes count; other nodes tell of theirs."""
    return await services.reads(services.load.report)
