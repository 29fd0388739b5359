"""A user's personal bests."""

from __future__ import annotations

from dataclasses import dataclass

from domain.commands import AskBests
from domain.errors import MuvrError
from domain.replies import BestsTold
from gateway.api.resources.common import Cursor, From, Limit, User, router

routes = router()


@dataclass(frozen=True, kw_only=True)
class BestItem:
    """Heaviest weight, most repetitions without one, estimated maximum for one repetition; 0 is none."""

    exercise: str
    weight_kg: float
    repetitions: int
    maximum_kg: float


@dataclass(frozen=True, kw_only=True)
class BestPage:
    """By exercise. `next_cursor` gets the page that follows; None on the last one."""

    items: list[BestItem]
    next_cursor: str | None


@routes.get("/v1/users/{user}/records")
async def records(services: From, user: User, cursor: Cursor = None, limit: Limit = 100) -> BestPage:
    """Personal bests of confirmed sets."""
    reply = await services.commands(user, AskBests())
    if not isinstance(reply, BestsTold):
        raise MuvrError(f"the user's actor answered with {type(reply).__name__}")
    names = [name for name in sorted(reply.bests) if name >= (cursor or "")]
    items = [
        BestItem(
            exercise=name,
            weight_kg=reply.bests[name].weight_kg,
            repetitions=reply.bests[name].repetitions,
            maximum_kg=reply.bests[name].maximum_kg,
        )
        for name in names[:limit]
    ]
    return BestPage(items=items, next_cursor=names[limit] if len(names) > limit else None)
