"""A node that stops answering, or dies, and comes back: nothing acknowledged is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager

import psutil
import pytest

from cli.cassandra.cluster import LocalCluster
from domain.errors import ConfigurationError, StoreUnavailable
from persistence.location import open_store, prepare_store
from persistence.ports import Insert, Slice, Store
from persistence.tables import JOURNAL, VIEW
from tests.persistence import rows

ADA = ("ada", 0)
POLL_SECONDS = 0.05


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A node of this module's own, which acknowledges what its disk has."""
    directory = tmp_path_factory.mktemp("faults")
    with LocalCluster(directory, nodes=1, dev=True, commitlog_sync="group") as running:
        prepare_store(location(running))
        yield running


def location(cluster: LocalCluster, options: str = "") -> str:
    return f"cassandra://{cluster.hosts[0]}:{cluster.port}/muvr?replication=1{options}"


@contextmanager
def opened(location: str) -> Iterator[Store]:
    store = open_store(location)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def paused(cluster: LocalCluster, seconds: float) -> Iterator[None]:
    """The node answers nothing until `seconds` from now, or the end of the block if that is later."""
    cluster.pause(0)
    node = psutil.Process(cluster.pid(0))
    wait_for(lambda: node.status() == psutil.STATUS_STOPPED)
    timer = threading.Timer(seconds, cluster.resume, [0])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        cluster.resume(0)


def entry(number: int, name: str = "ada") -> list[Insert]:
    return [Insert(JOURNAL, rows.journal(number, of=name))]


def test_what_is_asked_of_a_paused_node_is_done_when_it_goes_on(cluster: LocalCluster) -> None:
    with opened(location(cluster)) as store:
        store.write(entry(0))
        with paused(cluster, 2.0):
            futures = [store.submit(entry(number)) for number in range(1, 100)]
            assert not wait(futures, timeout=1.0).done
            found = list(store.read(JOURNAL, ADA, upper=(0,)))
        assert found == [rows.journal(0)]
        assert all(future.exception(60) is None for future in futures)
        assert [row.sequence_nr for row in store.read(JOURNAL, ADA)] == list(range(100))


def test_a_node_that_stays_paused_is_given_up_and_found_again(cluster: LocalCluster) -> None:
    with opened(location(cluster, "&retry-seconds=1")) as store:
        with paused(cluster, 600.0):
            futures = [store.submit(entry(number, "bob")) for number in range(50)]
            assert all(isinstance(future.exception(60), StoreUnavailable) for future in futures)
            with pytest.raises(StoreUnavailable):
                list(store.read(JOURNAL, ADA))
            with pytest.raises(StoreUnavailable):
                store.read_many(JOURNAL, [Slice(ADA)])
            with pytest.raises(StoreUnavailable):
                store.compare_and_set(VIEW, rows.view(1), rows.view(2))
            with pytest.raises(ConfigurationError, match="no Cassandra answers"):
                open_store(location(cluster))
        until_it_writes(store, entry(1, "eve"))
        assert [row.sequence_nr for row in store.read(JOURNAL, ("eve", 0))] == [1]


def test_a_node_that_is_killed_and_started_again_is_used_again(cluster: LocalCluster) -> None:
    """Rows are written all the while by one that asks again what failed."""
    acknowledged: list[int] = []
    ended = threading.Event()

    def write(store: Store) -> None:
        number = 1
        while not ended.is_set():
            future: Future[None] = store.submit(entry(number, "dan"))
            if future.exception(120) is None:
                acknowledged.append(number)
                number += 1

    with opened(location(cluster)) as store:
        writing = threading.Thread(target=write, args=(store,))
        writing.start()
        try:
            wait_for(lambda: len(acknowledged) > 20)
            cluster.kill(0)
            cluster.start(0)
            before = len(acknowledged)
            wait_for(lambda: len(acknowledged) > before + 20)
        finally:
            ended.set()
            writing.join()
        stored = [row.sequence_nr for row in store.read(JOURNAL, ("dan", 0))]
        assert stored == acknowledged
        assert store.insert_if_absent(VIEW, [rows.view(1, name="after")]) == [True]


def until_it_writes(store: Store, mutations: list[Insert]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            store.write(mutations)
        except StoreUnavailable:
            assert time.monotonic() < deadline
        else:
            return


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)
