"""How a user's exercises go over the days: figures for charts."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.api import progress_reads
from gateway.api.progress_reads import ProgressItem
from gateway.api.resources.common import From, User, router

routes = router()


@dataclass(frozen=True, kw_only=True)
class ProgressList:
    """By exercise."""

    items: list[ProgressItem]


@routes.get("/v1/users/{user}/progress")
async def progress(services: From, user: User) -> ProgressList:
    """What was confirmed in the latest sessions, by exercise and day."""
    return ProgressList(items=await services.reads(progress_reads.progress, services.store, user))
