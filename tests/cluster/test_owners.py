"""Two owners who both believe that they serve a user, with wall clocks hours apart, on a real Cassandra."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from persistence.location import open_store
from persistence.ports import Store
from tests.actors.checker import check
from tests.cassandra_server import Place
from tests.cluster.owners import Owners

SEEDS, STEPS = 4, 800


@pytest.fixture
def place(cassandra_place: Place) -> Iterator[tuple[str, Store]]:
    """An empty one: the members of the last world are forgotten."""
    cassandra_place.empty()
    store = open_store(cassandra_place.location)
    yield cassandra_place.location, store
    store.close()


def simulate(seed: int, place: tuple[str, Store], steps: int) -> int:
    location, store = place
    world = Owners(seed, location, store)
    try:
        for _ in range(steps):
            world.step()
        world.settle()
        check(store, world.devices)
    except BaseException as error:
        error.add_note(f"seed {seed}, {steps} steps")
        raise
    finally:
        world.close()
    return world.takeovers


def test_late_rows_of_an_owner_that_was_replaced_never_count(place: tuple[str, Store]) -> None:
    assert sum(simulate(seed, place, STEPS) for seed in range(SEEDS)) >= SEEDS, "users changed their owners"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 140))
def test_long_worlds(seed: int, place: tuple[str, Store]) -> None:
    simulate(seed, place, 4_000)
