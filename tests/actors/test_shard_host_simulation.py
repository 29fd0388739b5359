"""Hundreds of seeded worlds: nothing acknowledged is lost, nothing is stored twice, nothing is made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from persistence.sqlite import SqliteStore
from tests.actors.checker import check
from tests.actors.simulation import World

SEEDS = 200
SEEDS_PER_TEST = 20
STEPS = 300


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """One for all worlds: their users differ."""
    store = SqliteStore(tmp_path_factory.mktemp("store"))
    for connection in store._connections:
        connection.execute("PRAGMA synchronous=OFF")  # no power cut is simulated here
    yield store
    store.close()


def simulate(seed: int, store: SqliteStore, steps: int) -> None:
    try:
        world = World(seed, store)
        for _ in range(steps):
            world.step()
        world.settle()
        check(store, world.devices)
    except BaseException as error:
        error.add_note(f"seed {seed}, {steps} steps")
        raise


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_all_that_was_sent_is_stored_once_and_in_order(first: int, store: SqliteStore) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        simulate(seed, store, STEPS)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10_000, 10_100))
def test_long_worlds(seed: int, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    simulate(seed, store, 10_000)
    store.close()
