"""Every declared table says where a user's rows are in it, or why there are none, and what it says is so."""

from __future__ import annotations

import random
from typing import Any

import pytest

from domain.identifiers import UserId, pseudonym_of
from persistence.footprint import HELD, NOT_HELD, Footprint, find_footprint, slices
from persistence.keys import DataKeyStore
from persistence.ports import Delete, Store
from persistence.schema import Table
from persistence.tables import TABLES
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.whole_users import PSEUDONYM_KEY, STREAMS, sessions_of, whole_user

ADA, BOB = UserId("ada"), UserId("bob")
OF_USERS = {"user_id", "persistence_id", "subject", "scope"}  # columns that tell whose a row is
_NOT_OVER = {"erasing"}  # has a user's name while the erasure goes on


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_is_declared_once(table: Table[Any]) -> None:
    assert (table in HELD) != (table in NOT_HELD), (
        f"declare in persistence/footprint.py where rows of {table.name} are that are a user's, or why none"
    )
    assert table in HELD or len(NOT_HELD[table]) > 10


@pytest.mark.parametrize("table", NOT_HELD, ids=lambda table: table.name)
def test_a_table_of_nobodys_rows_has_no_column_that_names_a_user(table: Table[Any]) -> None:
    assert table.name in _NOT_OVER or not OF_USERS & set(table.columns)


@pytest.mark.parametrize("table", HELD, ids=lambda table: table.name)
def test_the_slices_of_a_user_are_that_users_rows_and_no_others(store: Store, table: Table[Any]) -> None:
    """All of them: once they are deleted no row names the user, and there are those of others."""
    events = whole_user(store, ADA, random.Random(1))
    whole_user(store, BOB, random.Random(2))
    footprint = _footprint(store, ADA)
    assert set(footprint.sessions) == set(sessions_of(events))
    before = [tuple(row) for row in store.scan(table)]
    parts = list(slices(store, footprint, table))
    mine = [
        tuple(row)
        for part in parts
        for row in store.read(table, part.partition, lower=part.lower, upper=part.upper)
    ]
    assert mine
    assert len(mine) == len(set(map(repr, mine)))
    store.write([Delete(table, part.partition, part.lower, part.upper) for part in parts])
    left = [tuple(row) for row in store.scan(table)]
    assert len(left) == len(before) - len(mine)
    names = {ADA, pseudonym_of(ADA, PSEUDONYM_KEY), f"user:{ADA}", f"own-{ADA}"}
    assert not [row for row in left if names & {value for value in row if isinstance(value, str)}]
    assert left, "bob's"


def test_sessions_are_found_when_the_journal_cannot_be_read(store: Store) -> None:
    events = whole_user(store, ADA, random.Random(3))
    DataKeyStore(store, MASTER_KEY).destroy(ADA)
    footprint = find_footprint(store, ADA, None, PSEUDONYM_KEY)
    streams = frozenset(each.stream for each in STREAMS)
    assert footprint.sessions == dict.fromkeys(sessions_of(events), streams)


def _footprint(store: Store, user: UserId) -> Footprint:
    cipher = DataKeyStore(store, MASTER_KEY).known_cipher(user)
    return find_footprint(store, user, cipher, PSEUDONYM_KEY)
