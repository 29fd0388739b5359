from __future__ import annotations

import pytest

from actors.view import Member, View
from domain.identifiers import SHARD_COUNT, ShardNr

SHARDS = [ShardNr(shard) for shard in range(SHARD_COUNT)]
FIRST = ["ada", "ada", "ben", "ben", "cyd", "ben"]


def view(*member_ids: str) -> View:
    return View(1, tuple(Member(name, f"incarnation of {name}", f"wss://{name}") for name in member_ids))


def owners(seen: View) -> list[str]:
    found = [seen.owner(shard) for shard in SHARDS]
    return [member.member_id for member in found if member is not None]


def test_every_shard_has_one_owner() -> None:
    seen = view("ada", "ben", "cyd")
    parts = {name: seen.shards_of(name) for name in ("ada", "ben", "cyd")}
    assert sorted(shard for part in parts.values() for shard in part) == SHARDS
    assert all(shard in parts[name] for shard, name in zip(SHARDS, owners(seen), strict=True))


def test_without_members_there_are_no_owners() -> None:
    assert view().owner(SHARDS[0]) is None
    assert view().shards_of("ada") == frozenset()


def test_who_is_no_member_owns_nothing() -> None:
    assert view("ada").shards_of("ben") == frozenset()


def test_owners_follow_from_the_names_alone() -> None:
    """They are part of what processes of different versions agree on."""
    assert owners(view("ada", "ben", "cyd")) == owners(view("cyd", "ada", "ben"))
    assert owners(view("ada", "ben", "cyd"))[:6] == FIRST


@pytest.mark.parametrize("count", [2, 3, 8, 16])
def test_shards_are_spread(count: int) -> None:
    names = [f"node-{index}" for index in range(count)]
    sizes = [len(view(*names).shards_of(name)) for name in names]
    assert min(sizes) > SHARD_COUNT / count / 2
    assert max(sizes) < SHARD_COUNT / count * 2


def test_only_the_shards_of_who_comes_or_goes_move() -> None:
    before, after = owners(view("ada", "ben", "cyd")), owners(view("ada", "ben", "cyd", "dan"))
    moved = {new for old, new in zip(before, after, strict=True) if old != new}
    assert moved == {"dan"}
    assert owners(view("ada", "cyd")) == [
        owner if owner != "ben" else ("ada", "cyd")[shard in view("ada", "cyd").shards_of("cyd")]
        for shard, owner in zip(SHARDS, before, strict=True)
    ]
