"""Replacing with conditions (RFC 9110, section 13): 412 for what was replaced meanwhile."""

from __future__ import annotations

import re

from fastapi import Request

from domain.care_commands import SetProgramme
from domain.commands import Replace, SetPlan, SetTraining
from domain.errors import InvalidInput, Rejected
from domain.profile_commands import SetProfile

Replacing = SetProfile | SetTraining | SetPlan | SetProgramme

_OF_TIME = re.compile(r'"at-([0-9]{1,15})"\Z')


def tag_of(said_ms: int) -> str:
    """The ETag of what is replaced as a whole and was said at `said_ms`, 0 if nothing was said."""
    return f'"at-{said_ms}"'


def replacing(request: Request, command: Replacing) -> Replacing | Replace:
    """`command`, under the conditions that the request has; raises InvalidInput."""
    if request.headers.get("if-none-match", "").strip() == "*":
        return Replace(command=command, seen_ms=0)
    condition = request.headers.get("if-match", "").strip()
    if condition in ("", "*"):
        return command
    found = _OF_TIME.match(condition)
    if found is None:
        raise InvalidInput(
            f"If-Match {condition[:40]!r}", expected="the ETag of what was read", remedy="read it first"
        )
    return Replace(command=command, seen_ms=int(found.group(1)))


def check_holds(holds_ms: int, said_ms: int) -> None:
    """Raise Rejected if what was said at `said_ms` does not hold, as something later was said before."""
    if holds_ms != said_ms:
        raise Rejected(
            f"something was said at {holds_ms}, which is later than {said_ms}",
            expected="the clocks of the user's devices to be right",
            remedy="say it again with a later at_ms, or mend the clock",
        )
