"""Rows of labels after a write of which nobody knew whether it took place: it did, and was ignored."""

from __future__ import annotations

import pytest

from domain.events import JournalEvent, LabelConfirmed, LabelWithdrawn, SessionOpened
from domain.identifiers import DeviceId, SessionId, UserId
from domain.user import User, evolve
from persistence.comparison import Rows, apply
from persistence.projections import project

USER = UserId("anna")
EARLY, MIDDLE, LATE = "watch", "phone", "strap"


def opened(device: str) -> SessionOpened:
    return SessionOpened(
        session=SessionId(device),
        command_nr=0,
        at_ms=0,
        device=DeviceId(device),
        recogniser="device",
        streams=(),
    )


def said(device: str, start_ms: int, end_ms: int, said_ms: int) -> LabelConfirmed:
    return LabelConfirmed(
        session=SessionId(device),
        command_nr=1,
        start_ms=start_ms,
        end_ms=end_ms,
        exercise=device,
        repetitions=8,
        weight_kg=None,
        said_ms=said_ms,
    )


# The middle one is about the same set as either of the others, which have too little in common.
FIRST = said(EARLY, 0, 10_000, 20_000)
SECOND = said(MIDDLE, 2_000, 11_000, 30_000)
THIRD = said(LATE, 6_000, 15_000, 40_000)
WITHDRAWN = LabelWithdrawn(
    session=SessionId(MIDDLE), command_nr=1, start_ms=2_000, end_ms=11_000, said_ms=30_000
)


def changed(rows: Rows, user: User, event: JournalEvent) -> None:
    for change in project(USER, user, event):
        apply(change, rows)


def taken(rows: Rows, user: User, event: JournalEvent) -> User:
    changed(rows, user, event)
    return evolve(user, event)


@pytest.mark.parametrize("lost", [SECOND, WITHDRAWN])
def test_a_label_that_an_ignored_write_took_away_is_there_again_once_the_device_has_said_it_again(
    lost: LabelConfirmed | LabelWithdrawn,
) -> None:
    before = [*map(opened, (EARLY, MIDDLE, LATE)), FIRST]
    user, rows = User(), Rows()
    for event in before:
        user = taken(rows, user, event)
    changed(rows, user, lost)  # written, and never part of the journal
    for event in (THIRD, lost):
        user = taken(rows, user, event)
    undisturbed, expected = User(), Rows()
    for event in (*before, THIRD, lost):
        undisturbed = taken(expected, undisturbed, event)
    assert user == undisturbed
    assert rows == expected
