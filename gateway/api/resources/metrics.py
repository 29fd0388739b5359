"""What the node counts, as Prometheus reads it."""

from __future__ import annotations

from fastapi import Request, Response

from gateway.api.metrics import node_metrics
from gateway.api.resources.common import router

routes = router()


@routes.get("/metrics")
def metrics(request: Request) -> Response:
    """All processes of the node together, in Prometheus' text or as OpenMetrics."""
    return node_metrics(request)
