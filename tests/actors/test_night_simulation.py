"""Many seeded worlds: never do two programs run at once, and every night has its turn, once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from actors import night_rules
from actors.leadership import Leadership
from actors.night import decode_state
from actors.scheduler import Scheduler
from tests.actors.night_simulation import Program, World
from tests.actors.night_store import Tables

SEEDS = 100
SEEDS_PER_TEST = 25
SOAK_SEEDS = range(1_000_000, 1_010_000)
SEEDS_TO_CATCH = 200  # within so many, a scheduler that lacks something is caught


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def simulate_all(seeds: Iterable[int]) -> None:
    for seed in seeds:
        try:
            World(seed).run()
        except BaseException as error:
            error.add_note(f"World({seed}).run()")
            raise


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_every_night_has_its_turn_once(first: int) -> None:
    simulate_all(range(first, first + SEEDS_PER_TEST))


@pytest.mark.parametrize("seed", [1_002_496])
def test_worlds_that_once_failed(seed: int) -> None:
    """There a former leader, whom the store answered late, forgot the run of the present one."""
    simulate_all([seed])


@pytest.mark.soak
@pytest.mark.parametrize("first", SOAK_SEEDS[::1000])
def test_many_worlds(first: int) -> None:
    simulate_all(range(first, first + 1000))


def too_early(self: Leadership, found: Any) -> bool:
    self._lease_s, whole_s = self._lease_s * 0.7, self._lease_s
    try:
        return has_expired(self, found)
    finally:
        self._lease_s = whole_s


def unconditional(self: Tables, table: Any, expected: Any, new: Any) -> bool:
    (row,) = self.read(table, (new[0],)) or (None,)
    return change(self, table, row, new)


def acting_first(self: Scheduler) -> bool:
    """What is decided is done before it is stored."""
    state = decode_state(self._leadership.state) if self._leadership.hold() else None
    if state is not None:
        decided = night_rules.advance(state, self._plan, self._moment(state, None))
        self._follow(decided)
    return turn(self)


def forgetting_requests(state: Any, moment: Any) -> Any:
    return msgspec.structs.replace(with_requests(state, moment), handled=())


has_expired, change, turn = Leadership._has_expired, Tables.change, Scheduler._turn
with_requests = night_rules._with_requests

BROKEN: list[tuple[object, str, Callable[..., Any]]] = [
    (Leadership, "_has_expired", too_early),
    (Tables, "change", unconditional),
    (Program, "_look", lambda self: None),  # no guard
    (Scheduler, "_turn", acting_first),
    (night_rules, "_with_requests", forgetting_requests),
]


@pytest.mark.parametrize(("owner", "name", "broken"), BROKEN, ids=[name for _, name, _ in BROKEN])
def test_a_scheduler_that_lacks_something_is_caught(
    owner: object, name: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(AssertionError):
        simulate_all(range(SEEDS_TO_CATCH))
