"""Nights: what is computed over all users, and how far it is; as `muvr jobs` does."""

from __future__ import annotations

from dataclasses import dataclass

from actors.night_requests import ask_to_cancel, ask_to_run
from domain.errors import ConfigurationError, Rejected
from gateway.api import reads as api_reads
from gateway.api.models import NightItem, NightList
from gateway.api.resources.common import Cursor, From, Limit, Name, router
from persistence.ports import Store

routes = router()


@dataclass(frozen=True, kw_only=True)
class NightAsked:
    """What was asked for; the scheduler takes it up within seconds."""

    night: str


@routes.get("/v1/nights")
async def nights(services: From, cursor: Cursor = None, limit: Limit = 20) -> NightList:
    """Nights with their steps, newest first."""
    return await services.reads(api_reads.nights, services.store, cursor, limit)


@routes.get("/v1/nights/{night}")
async def night(services: From, night: Name) -> NightItem:
    """A night with its steps."""
    return await services.reads(api_reads.night, services.store, night)


@routes.post("/v1/nights", status_code=202)
async def run_night(services: From) -> NightAsked:
    """Ask for a night now."""
    return NightAsked(night=await services.reads(_run, services.store))


@routes.post("/v1/nights/{night}/cancel", status_code=202)
async def cancel_night(services: From, night: Name) -> NightAsked:
    """Ask for the end of a night that runs or waits."""
    await services.reads(_cancel, services.store, night)
    return NightAsked(night=night)


def _run(store: Store) -> str:
    try:
        return ask_to_run(store)
    except ConfigurationError as error:
        raise Rejected(error.wrong, expected=error.expected, remedy=error.remedy) from error


def _cancel(store: Store, night: str) -> None:
    found = api_reads.night(store, night)
    if found.finished_ms is not None:
        raise Rejected(f"night {night} has {found.state}", expected="one that runs or waits")
    ask_to_cancel(store, night)
