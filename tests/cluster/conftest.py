"""Three nodes on a real Cassandra, which the tests of a module share: each repairs what it broke."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cassandra_server import Place
from tests.cluster.rig import Rig


@pytest.fixture(scope="module")
def rig(cassandra_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Nobody else has its keyspaces."""
    place = Place(cassandra_address)
    rig = Rig(tmp_path_factory.mktemp("rig"), place.location)
    yield rig
    rig.down()
    place.close()


@pytest.fixture
def nodes(rig: Rig) -> Rig:
    """All three run, whatever the test before has left."""
    for node in rig.nodes:
        node.resume()
    rig.up()
    return rig
