"""Cursors of lists: each names the first entry of its page, so that what comes or goes shifts nothing."""

from __future__ import annotations

from domain.errors import InvalidInput


def bad_cursor(cursor: str | None) -> InvalidInput:
    return InvalidInput(
        f"cursor {(cursor or '')[:80]!r} is not one of ours",
        expected="next_cursor of the page before",
        remedy="begin without a cursor",
    )
