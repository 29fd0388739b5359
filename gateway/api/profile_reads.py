"""What the API reads of profiles from the store; plain functions that block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from domain.identifiers import UserId
from domain.profile_commands import VALUES, Quantity
from gateway.api.cursors import bad_cursor
from persistence.ports import Store
from persistence.profile_tables import MEASUREMENT_BY_USER, MeasurementRow


@dataclass(frozen=True, kw_only=True)
class MeasurementItem:
    quantity: Quantity
    at_ms: int
    value: float


@dataclass(frozen=True, kw_only=True)
class MeasurementPage:
    """`next_cursor` gets the page that follows; None on the last one."""

    items: list[MeasurementItem]
    next_cursor: str | None


def measurements(
    store: Store, user: UserId, quantity: Quantity | None, cursor: str | None, limit: int
) -> MeasurementPage:
    """A user's measurements, by quantity downwards, newest first, from `cursor` on."""
    lower = () if quantity is None else (quantity,)
    upper = lower if cursor is None else _place(cursor)
    rows = list(store.read(MEASUREMENT_BY_USER, (user,), lower=lower, upper=upper, limit=limit + 1))
    following = rows[limit] if len(rows) > limit else None
    return MeasurementPage(
        items=[_item(row) for row in rows[:limit]],
        next_cursor=f"{following.quantity}~{following.measured_at}" if following else None,
    )


def _item(row: MeasurementRow) -> MeasurementItem:
    return MeasurementItem(quantity=cast(Quantity, row.quantity), at_ms=row.measured_at, value=row.value)


def _place(cursor: str) -> tuple[str, int]:
    quantity, _, at = cursor.partition("~")
    if quantity not in VALUES or not (at.isascii() and at.isdigit() and len(at) <= 15):
        raise bad_cursor(cursor)
    return quantity, int(at)
