"""What every test shares: no test of a property depends on how fast this machine is; a Cassandra server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.cassandra_server import Place, running_server

settings.register_profile("muvr", deadline=None)
settings.load_profile("muvr")


@pytest.fixture(scope="session")
def cassandra_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a real server."""
    with running_server(tmp_path_factory.mktemp("cassandra")) as address:
        yield address


@pytest.fixture(scope="session")
def cassandra_place(cassandra_address: str) -> Iterator[Place]:
    """Keyspaces that all tests share; see `cassandra_location`."""
    place = Place(cassandra_address)
    yield place
    place.close()


@pytest.fixture
def cassandra_location(cassandra_place: Place) -> str:
    """Where an empty store is."""
    cassandra_place.empty()
    return cassandra_place.location
