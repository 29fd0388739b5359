"""A node whose only Cassandra dies and comes back, or is given more than it can take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli.cassandra.cluster import LocalCluster
from persistence.location import prepare_store
from tests.actors.helpers import eventually
from tests.cluster.checker import check_acknowledged, check_settled
from tests.cluster.crowd import Crowd
from tests.cluster.rig import Rig

UNHEARD = 20  # messages that every device has waiting before the server is started again
LOAD_USERS, LOAD_PACE_SECONDS = 30, 0.01  # as much as devices in one process can make
LOAD_ACKS = 50  # per device


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """With the heap of development, 128 MB; killed, it has what it acknowledged."""
    directory = tmp_path_factory.mktemp("cassandra")
    with LocalCluster(directory, nodes=1, dev=True, commitlog_sync="group") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def alone(server: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One node."""
    location = f"{server.location('muvr')}?replication=1"
    prepare_store(location)
    rig = Rig(tmp_path_factory.mktemp("rig"), location, count=1)
    rig.up()
    yield rig
    rig.down()


def test_without_cassandra_nothing_is_acknowledged_and_afterwards_everything(
    server: LocalCluster, alone: Rig
) -> None:
    try:
        with Crowd(20, alone.urls, alone.tokens, users=5) as crowd:
            crowd.heard()
            server.kill(0)
            eventually(lambda: min(crowd.unacknowledged()) >= UNHEARD, "nobody is heard")
            unheard = crowd.acknowledged()
            eventually(lambda: min(crowd.unacknowledged()) >= 2 * UNHEARD, "nobody is heard")
            assert crowd.acknowledged() == unheard
            server.start(0)
            crowd.heard()
            assert check_acknowledged(alone.store, crowd)
            crowd.settle()
        check_settled(alone.store, crowd)
    except BaseException as error:
        error.add_note(alone.log())
        raise


def test_of_too_much_load_nothing_is_lost(alone: Rig) -> None:
    with Crowd(21, alone.urls, alone.tokens, users=LOAD_USERS, pace_s=LOAD_PACE_SECONDS) as crowd:
        crowd.heard(LOAD_ACKS)
        assert check_acknowledged(alone.store, crowd)
        crowd.settle()
    check_settled(alone.store, crowd)
