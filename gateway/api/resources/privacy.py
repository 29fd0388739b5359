"""What a user agreed to, all about a user, its end, and who else looked."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from domain.errors import InvalidInput
from domain.profile_commands import SetConsent
from domain.replies import ConsentHeld
from gateway.api.conditional import tag_of
from gateway.api.privacy import chunks
from gateway.api.problems import NotFound
from gateway.api.resources.common import Cursor, From, Limit, Now, Said, User, router
from gateway.api.services import Services
from persistence.access import AccessStore
from persistence.ports import Store

routes = router()


class ConsentSaid(Said):
    """What is agreed to from now on, as a whole. `at_ms` is when the user said so, now if it is None."""

    recognition: bool
    statistics: bool
    training: bool
    at_ms: int | None = None


class ConsentItem(BaseModel):
    """`at_ms` is 0 if nothing was said yet."""

    recognition: bool
    statistics: bool
    training: bool
    at_ms: int


class AccessItem(BaseModel):
    """`who` looked at `what` under the right `scope`; `why` is the reason given, if one was."""

    at_ms: int
    who: str
    scope: str
    what: str
    why: str
    of_everyone: bool


class AccessPage(BaseModel):
    items: list[AccessItem]
    next_cursor: str | None


class NamedModelItem(BaseModel):
    model_id: str
    scope: str
    sensor_set: str
    is_deleted: bool


class ReceiptItem(BaseModel):
    """A signed receipt, as `muvr users receipt` checks it; keep it as it is."""

    version: int
    digest: str
    begun_ms: int
    finished_ms: int
    key_destroyed: bool
    parts: dict[str, int]
    models: list[NamedModelItem]
    public_key: str
    signature: str


@routes.get("/v1/users/{user}/consent")
async def consent(services: From, user: User, response: Response) -> ConsentItem:
    """What the user agrees to: that exercises are named, to be counted, to be learned from."""
    return _told((await services.ask(user)).consent, response)


@routes.put("/v1/users/{user}/consent")
async def set_consent(
    services: From, user: User, said: ConsentSaid, now_ms: Now, response: Response
) -> ConsentItem:
    """Agree, or withdraw; of statistics and training from the next night on."""
    command = SetConsent(
        at_ms=now_ms if said.at_ms is None else said.at_ms,
        recognition=said.recognition,
        statistics=said.statistics,
        training=said.training,
    )
    return _told((await services.say(user, command)).consent, response)


@routes.get("/v1/users/{user}/accesses")
async def accesses(services: From, user: User, cursor: Cursor = None, limit: Limit = 50) -> AccessPage:
    """Who else looked at the user's data, newest first; also who looked at everyone's."""
    return await services.reads(_accesses, services.store, user, cursor, limit)


@routes.get("/v1/users/{user}/export", response_class=StreamingResponse)
async def export(services: From, user: User) -> StreamingResponse:
    """All about the user, as a ZIP of JSON and CSV; `muvr users import` stores it elsewhere."""
    _check_able(services)
    file = await services.slow_reads(services.privacy.exported, user)
    headers = {"Content-Disposition": f'attachment; filename="{user}.zip"', "Cache-Control": "no-store"}
    return StreamingResponse(chunks(file), media_type="application/zip", headers=headers)


@routes.delete("/v1/users/{user}")
async def erase(services: From, user: User) -> ReceiptItem:
    """Erase all about the user for ever, and the name; the answer is the receipt, and is given once more to
    whoever asks again.
    """
    _check_able(services)
    receipt = await services.slow_reads(services.privacy.erase, user)
    services.live.forget(user)
    return ReceiptItem(**msgspec.to_builtins(receipt))


def _check_able(services: Services) -> None:
    if not services.privacy.can_erase:
        raise NotFound("this API has no keys", remedy="use `muvr users export` or `erase` on the node")


def _told(held: ConsentHeld, response: Response) -> ConsentItem:
    response.headers["ETag"] = tag_of(held.at_ms)
    fields: dict[str, Any] = msgspec.structs.asdict(held)
    return ConsentItem(**fields)


def _accesses(store: Store, user: str, cursor: str | None, limit: int) -> AccessPage:
    """Pages end between times, so that none is cut in two."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 15):
        raise InvalidInput(f"cursor {cursor[:80]!r} is not one of ours", remedy="begin without a cursor")
    until_ms = None if cursor is None else int(cursor)
    rows = list(AccessStore(store).of(user, until_ms=until_ms, limit=limit + 1))
    following = rows[limit].accessed_at if len(rows) > limit else None
    shown = [row for row in rows[:limit] if following is None or row.accessed_at != following]
    shown = shown or rows[:limit]
    return AccessPage(
        items=[
            AccessItem(
                at_ms=row.accessed_at,
                who=row.who,
                scope=row.scope,
                what=row.what,
                why=row.why,
                of_everyone=row.user_id != user,
            )
            for row in shown
        ],
        next_cursor=None if following is None else str(min(following, shown[-1].accessed_at - 1)),
    )
