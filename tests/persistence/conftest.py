"""A store of every backend, and a user's cipher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.identifiers import UserId
from persistence.keys import Cipher, DataKeyStore
from persistence.location import open_store
from persistence.ports import Store
from tests.persistence.backends import BACKENDS, location_of

MASTER_KEY = bytes(range(32))


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
