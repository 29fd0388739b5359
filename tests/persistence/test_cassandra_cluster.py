"""Three real nodes: rows go to who keeps them, and one node less stops nothing. Minutes long: `make soak`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from cli.cassandra.cluster import LocalCluster
from domain.errors import StoreUnavailable
from persistence.cassandra.settings import parse_location
from persistence.cassandra.store import CassandraStore
from persistence.location import prepare_store
from persistence.ports import Insert, Slice
from persistence.schema import Timestamp
from persistence.tables import JOURNAL, MEMBER, TABLES, MemberRow
from tests.persistence import rows

pytestmark = pytest.mark.soak
POLL_SECONDS = 0.05


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("three"), nodes=3, dev=True) as running:
        yield running


@pytest.fixture(params=[1, 3])
def store(request: pytest.FixtureRequest, cluster: LocalCluster) -> Iterator[CassandraStore]:
    """Of which each node keeps a third, or all."""
    opened = open_copies(cluster, request.param)
    yield opened
    opened.close()


def open_copies(cluster: LocalCluster, copies: int) -> CassandraStore:
    location = f"{cluster.location(f'copies_{copies}').partition('?')[0]}?replication={copies}"
    prepare_store(location)
    return CassandraStore(parse_location(location))


def entry(number: int, name: str) -> list[Insert]:
    return [Insert(JOURNAL, rows.journal(number, of=name))]


def test_nodes_may_make_the_schema_at_once(cluster: LocalCluster) -> None:
    """Each asked through another node."""
    hosts = [f"cassandra://{host}:{cluster.port}/together?replication=3" for host in cluster.hosts]
    with ThreadPoolExecutor(3) as pool:
        done = [line for lines in pool.map(prepare_store, hosts) for line in lines]
    assert sum(line.startswith("made table") for line in done) == len(TABLES)
    store = CassandraStore(parse_location(hosts[0]))
    store.write(entry(1, "ada"))
    assert len(list(store.read(JOURNAL, ("ada", 0)))) == 1
    store.close()


def test_rows_are_sent_to_nodes_that_keep_them(store: CassandraStore) -> None:
    metadata = store._session.cluster.metadata
    asked: list[Any] = []
    store._session.add_request_init_listener(asked.append)
    names = [f"user-{number}" for number in range(600)]
    store.write([Insert(JOURNAL, rows.journal(nr, of=name)) for name in names for nr in (1, 2)])
    found = store.read_many(JOURNAL, [Slice((name, 0)) for name in names])
    assert [[row.persistence_id for row in part] for part in found] == [[name] * 2 for name in names]
    assert len(list(store.scan(JOURNAL))) == 1200
    if store._planner._placement.is_everywhere("copies_3"):
        return
    routed = [future for future in asked if future.query.routing_key is not None]
    assert len(routed) > 40
    for future in routed:
        replicas = metadata.get_replicas("copies_1", future.query.routing_key)
        assert future.coordinator_host in replicas


def test_the_ring_is_known(cluster: LocalCluster) -> None:
    for copies in (1, 3):
        store = open_copies(cluster, copies)
        assert store._planner._placement.is_everywhere(f"copies_{copies}") == (copies == 3)
        store.close()


def test_one_node_less_stops_nothing(cluster: LocalCluster) -> None:
    """Killed, started again, another paused: every write is done in the end, and is there."""
    store = open_copies(cluster, 3)
    slowest, ended, written = [0.0], threading.Event(), [0]

    def write() -> None:
        while not ended.is_set():
            began = time.monotonic()
            futures = [store.submit(entry(written[0], f"u{user}")) for user in range(10)]
            wait(futures)
            assert all(future.exception() is None for future in futures)
            slowest[0] = max(slowest[0], time.monotonic() - began)
            written[0] += 1

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            for change in (
                lambda: cluster.kill(1),
                lambda: cluster.start(1),
                lambda: cluster.pause(2),
                lambda: cluster.resume(2),
            ):
                change()
                before = written[0]
                wait_for(lambda before=before: writing.done() or written[0] > before + 50)  # type: ignore[misc]
        finally:
            cluster.resume(2)
            ended.set()
        writing.result()
    assert slowest[0] < 20
    for user in range(10):
        stored = [row.sequence_nr for row in store.read(JOURNAL, (f"u{user}", 0))]
        assert stored == list(range(written[0]))
    store.close()


def test_without_two_of_three_nothing_is_acknowledged_until_they_are_back(cluster: LocalCluster) -> None:
    store = open_copies(cluster, 3)
    member = MemberRow("m", "i", 1, 1, "", Timestamp(1))
    assert store.insert_if_absent(MEMBER, [member]) == [True]
    for index in (1, 2):
        cluster.kill(index)
    with pytest.raises(StoreUnavailable):
        store.write(entry(1, "late"))
    with pytest.raises(StoreUnavailable):
        store.compare_and_set(MEMBER, member, member._replace(renewal_nr=2))
    for index in (1, 2):
        cluster.start(index)
    wait_for(lambda: _writes(store))
    assert [row.sequence_nr for row in store.read(JOURNAL, ("late", 0))][-1] == 2
    (found,) = store.read(MEMBER, ("m",))
    assert found.renewal_nr in (1, 2)
    assert store.compare_and_set(MEMBER, found, found._replace(renewal_nr=3))
    store.close()


def _writes(store: CassandraStore) -> bool:
    try:
        store.write(entry(2, "late"))
    except StoreUnavailable:
        return False
    return True


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)
