"""Which shard host owns which shard: a numbered view of the members, and rendezvous hashing over them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from domain.identifiers import SHARD_COUNT, ShardNr


class Member(msgspec.Struct, frozen=True):
    """A shard host of some node: `member_id` stays when it is started again, `incarnation` is of one process.

    `url` is where devices of its users connect, `api_url` where their HTTP API is, empty if there is none.
    """

    member_id: str
    incarnation: str
    url: str
    api_url: str = ""


class View(msgspec.Struct, frozen=True):
    """The members after the `number`th change. The owner of every shard follows from it."""

    number: int
    members: tuple[Member, ...]

    def owner(self, shard: ShardNr) -> Member | None:
        """Who owns `shard`, or None if there are no members."""
        return self.members[_owners(self._ids())[shard]] if self.members else None

    def shards_of(self, member_id: str) -> frozenset[ShardNr]:
        ids = self._ids()
        return _shards(ids)[ids.index(member_id)] if member_id in ids else frozenset()

    def _ids(self) -> tuple[str, ...]:
        return tuple(member.member_id for member in self.members)


@lru_cache(maxsize=64)
def _owners(member_ids: Sequence[str]) -> tuple[int, ...]:
    """Index of each shard's owner: who has the highest weight for it.

    Rendezvous hashing (Thaler and Ravishankar 1998): when a member comes or goes, only its shards move.
    """
    return tuple(
        max(range(len(member_ids)), key=lambda index: _weight(shard, member_ids[index]))
        for shard in range(SHARD_COUNT)
    )


@lru_cache(maxsize=64)
def _shards(member_ids: Sequence[str]) -> tuple[frozenset[ShardNr], ...]:
    """The shards of each member."""
    owners = _owners(member_ids)
    return tuple(
        frozenset(ShardNr(nr) for nr, owner in enumerate(owners) if owner == index)
        for index in range(len(member_ids))
    )


def _weight(shard: int, member_id: str) -> bytes:
    return hashlib.blake2b(f"{shard}/{member_id}".encode(), digest_size=8).digest()
