"""A store of every backend, and a user's cipher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.identifiers import UserId
from persistence.cassandra.settings import parse_location
from persistence.cassandra.store import CassandraStore
from persistence.cassandra.timestamps import Timestamps
from persistence.keys import Cipher, DataKeyStore
from persistence.location import open_store
from persistence.ports import Store
from tests.persistence.backends import BACKENDS, location_of

MASTER_KEY = bytes(range(32))
HOUR_US = 3_600_000_000
Open = Callable[..., CassandraStore]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def location(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the test's store is."""
    return location_of(backend, request, tmp_path)


@pytest.fixture
def reopen(location: str) -> Iterator[Callable[[], Store]]:
    """Opens the test's store, as often as it is called; all are closed in the end."""
    opened: list[Store] = []

    def reopened() -> Store:
        opened.append(open_store(location))
        return opened[-1]

    yield reopened
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


@pytest.fixture
def keys(store: Store) -> DataKeyStore:
    return DataKeyStore(store, MASTER_KEY)


@pytest.fixture
def cipher(keys: DataKeyStore) -> Cipher:
    return keys.cipher_of(UserId("ada"))


class Clock:
    """Microseconds that a test sets."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def opened(cassandra_location: str) -> Iterator[Open]:
    """Opens an empty store with options added to its location, and write times of the caller's."""
    stores: list[CassandraStore] = []

    def one_more(options: str = "", timestamps: Timestamps | None = None) -> CassandraStore:
        stores.append(CassandraStore(parse_location(cassandra_location + options), timestamps))
        return stores[-1]

    yield one_more
    for store in stores:
        store.close()
