"""What is wrong with a user's history, for whoever has to mend it."""

from __future__ import annotations

from domain.errors import NotOwner, StoredValueCorrupt
from domain.identifiers import UserId


def superseded(user: UserId, last_epoch: int, writer_epoch: int) -> NotOwner:
    """What this writer added would not count beside what is there."""
    return NotOwner(
        f"the journal of user {user!r} was written under epoch {last_epoch}, "
        f"this node has epoch {writer_epoch}",
        expected="an epoch above those of all writers before",
        remedy="another node serves the user; if none does, muvr_keys is older than the journal: "
        "restore both from one backup",
    )


def missing(user: UserId, first_nr: int, last_nr: int) -> StoredValueCorrupt:
    return StoredValueCorrupt(
        f"events {first_nr} to {last_nr} of user {user!r} are missing",
        remedy="restore the journal from a backup",
    )
