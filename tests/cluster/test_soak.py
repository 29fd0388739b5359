"""Three nodes over three Cassandra servers, with one fault after the other while devices send."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from cli.cassandra.cluster import LocalCluster
from persistence.location import prepare_store
from tests.cluster.checker import check_acknowledged, check_settled
from tests.cluster.crowd import Crowd
from tests.cluster.hostile import HostileClient
from tests.cluster.rig import Rig
from tests.cluster.scenarios import Scene

pytestmark = pytest.mark.soak

FAULTS = 30  # of a run, of which several may be at once
SEEDS = range(2)
ONE_NODE_BREAKS: tuple[Callable[[Scene], object], ...] = (
    Scene.stop,
    Scene.kill,
    Scene.pause,
    Scene.kill_main,
    Scene.kill_supervisor,
    lambda scene: scene.kill_actor("ShardHostActor"),
    lambda scene: scene.kill_actor("DeviceGatewayActor"),
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("cassandra"), nodes=3) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def nodes(servers: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    location = f"{servers.location('muvr')}?replication=3"
    prepare_store(location)
    rig = Rig(tmp_path_factory.mktemp("rig"), location)
    rig.up()
    yield rig
    rig.down()


def replace_server(servers: LocalCluster, scene: Scene, index: int) -> None:
    """One of three is killed, and started again later: two are enough for everything."""
    servers.kill(index)
    scene.crowd.heard()
    servers.start(index)
    scene.crowd.heard()


def pause_server(servers: LocalCluster, scene: Scene, index: int) -> None:
    servers.pause(index)
    scene.crowd.heard()
    servers.resume(index)
    scene.crowd.heard()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_one_fault_after_the_other(seed: int, servers: LocalCluster, nodes: Rig) -> None:
    rng = random.Random(seed)
    nodes.up()
    done: list[str] = []
    try:
        client = rng.choice([HostileClient, None])
        crowd = Crowd(1000 + seed, nodes.urls, nodes.tokens, **({"client": client} if client else {}))
        with crowd:
            scene = Scene(nodes, crowd)
            for _ in range(FAULTS):
                number = rng.randrange(len(ONE_NODE_BREAKS) + 2)
                done.append(str(number))
                if number < len(ONE_NODE_BREAKS):
                    ONE_NODE_BREAKS[number](scene)
                    nodes.up()
                else:
                    fault = (replace_server, pause_server)[number - len(ONE_NODE_BREAKS)]
                    fault(servers, scene, rng.randrange(3))
                check_acknowledged(nodes.store, crowd)
            crowd.settle()
        check_settled(nodes.store, crowd)
    except BaseException as error:
        error.add_note(f"seed {seed}, faults {' '.join(done)}\n{nodes.log()}")
        raise


@pytest.mark.timeout(3600)
def test_most_servers_killed(servers: LocalCluster, nodes: Rig) -> None:
    """Two of three are gone: nothing can be acknowledged until one is back."""
    with Crowd(1100, nodes.urls, nodes.tokens) as crowd:
        crowd.heard()
        servers.kill(1)
        servers.kill(2)
        servers.start(1)
        servers.start(2)
        crowd.heard()
        check_acknowledged(nodes.store, crowd)
        crowd.settle()
    check_settled(nodes.store, crowd)
