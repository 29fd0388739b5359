"""Many seeded clusters: never do two processes act for a shard, and in the end all shards are served."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors import membership
from actors.lease import Lease, Watch
from actors.membership import Membership
from persistence.sqlite import SqliteStore
from persistence.tables import MEMBER, MemberRow
from tests.actors.cluster_simulation import Cluster, Process
from tests.actors.cluster_store import Link, Rows

SEEDS = 1000
SEEDS_PER_TEST = 50
SOAK_SEEDS = range(1_000_000, 1_030_000)
SEEDS_TO_CATCH = 300  # within so many, a protocol that lacks something is caught
LEASE_S = 10.0


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def simulate_all(seeds: Iterable[int]) -> None:
    for seed in seeds:
        try:
            Cluster(seed).run()
        except BaseException as error:
            error.add_note(f"Cluster({seed}).run()")
            raise


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_at_most_one_process_acts_for_a_shard(first: int) -> None:
    simulate_all(range(first, first + SEEDS_PER_TEST))


@pytest.mark.soak
@pytest.mark.parametrize("first", SOAK_SEEDS[::1000])
def test_many_clusters(first: int) -> None:
    simulate_all(range(first, first + 1000))


def calm(seed: int, *member_ids: str) -> tuple[Cluster, list[Process]]:
    """A cluster that has settled, in which nothing fails."""
    cluster = Cluster(seed, lease_s=LEASE_S, is_calm=True)
    processes = [process for name in member_ids if (process := cluster.start(name)) is not None]
    cluster.settle(5)
    cluster.run_for(20 + cluster.rng.random())
    return cluster, processes


@pytest.mark.parametrize("seed", range(20))
def test_how_long_it_takes(seed: int) -> None:
    cluster, (_, ben, cyd, dan) = calm(seed, "ada", "ben", "cyd", "dan")
    ben.leave()
    cluster.settle(1.5)
    cluster.start("ben")
    cluster.settle(2)
    cluster.kill(cyd)
    cluster.run_for(LEASE_S * 0.9)
    cluster.settle(LEASE_S * 0.1 + 2)
    cluster.kill(dan)
    cluster.start("dan")
    cluster.settle(1.5)
    cluster.end()


def test_a_single_process_is_there_at_once_also_after_it_was_killed() -> None:
    cluster, (ada,) = calm(1, "ada")
    cluster.kill(ada)
    cluster.start("ada")
    cluster.settle(0.25)
    cluster.end()


def without_fencing(self: Membership, member: Any, patience_s: float) -> bool:
    return self._watch.left_s(member.member_id) + patience_s <= 0


def keeping_what_it_had(self: Membership) -> Any:
    epochs = self._holding.epochs
    drop(self)
    return self._hand(epochs)


def assuming_that_it_was_renewed(self: Lease, incarnation: str, view_nr: int) -> bool:
    try:
        return replace(self, incarnation, view_nr)
    except Exception:
        assert self.row is not None
        self._known(self.row._replace(renewal_nr=self._nr))
        raise


def too_early(self: Watch, member_id: str) -> float:
    return left_s(self, member_id) - 0.25 * self._lease_s


drop, replace, left_s = Membership._drop, Lease._replace, Watch.left_s

BROKEN: list[tuple[object, str, Any]] = [
    (Membership, "_is_gone", without_fencing),
    (Membership, "_may_take", lambda self: self._has_released),
    (Membership, "_has_released", property(lambda self: True)),
    (Membership, "_drop", keeping_what_it_had),
    (membership, "ATTEMPTS_PER_VIEW", 0),
    (Lease, "_replace", assuming_that_it_was_renewed),
    (Lease, "follow", lambda self, latest_ms: False),
    (Watch, "left_s", too_early),
]


@pytest.mark.parametrize(("owner", "name", "broken"), BROKEN, ids=[name for _, name, _ in BROKEN])
def test_a_protocol_that_lacks_something_is_caught(
    owner: object, name: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(AssertionError):
        simulate_all(range(SEEDS_TO_CATCH))


@pytest.fixture(params=["simulated", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "simulated":
        yield Link(Rows(), lambda name, effect: effect())
        return
    store = SqliteStore(tmp_path)
    yield store
    store.close()


def test_the_simulated_store_does_what_a_real_one_does(store: Any) -> None:
    row = MemberRow("ada", "i1", 1, 0, "wss://ada", 5)  # type: ignore[arg-type]
    read: Callable[[], list[MemberRow]] = lambda: list(store.read(MEMBER, ("ada",)))  # noqa: E731
    assert read() == []
    assert store.insert_if_absent(MEMBER, [row]) == [True]
    assert store.insert_if_absent(MEMBER, [row._replace(renewal_nr=2)]) == [False]
    assert not store.compare_and_set(MEMBER, row._replace(renewal_nr=2), row)
    assert not store.compare_and_set(MEMBER, row._replace(member_id="ben"), row._replace(member_id="ben"))
    assert read() == [row]
    assert store.compare_and_set(MEMBER, row, row._replace(renewal_nr=2))
    assert read() == list(store.scan(MEMBER)) == [row._replace(renewal_nr=2)]
