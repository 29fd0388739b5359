"""Who leads, step by step; that two never do is what the simulation of nights looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.leadership import Leadership
from domain.errors import StoreUnavailable
from persistence.jobs import JobStore
from persistence.location import open_store, prepare_store
from persistence.ports import Store
from tests.persistence.backends import BACKENDS, location_of

LEASE_S = 8.0


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    location = location_of(request.param, request, tmp_path)
    prepare_store(location)
    store = open_store(location)
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def member(store: Store, clock: Clock) -> Callable[[str], Leadership]:
    return lambda holder: Leadership(store, holder, clock, LEASE_S, lambda: "first")


def wait(clock: Clock, seconds: float, *waiting: Leadership) -> list[Leadership]:
    """Time goes by while these try; those that lead in the end."""
    end_s = clock.now_s + seconds
    while clock.now_s < end_s:
        clock.now_s += min(0.5, end_s - clock.now_s)
        leading = [each for each in waiting if each.hold()]
    return leading


def test_the_first_leads_and_stays(member: Callable[[str], Leadership], clock: Clock) -> None:
    ada, bob = member("ada"), member("bob")
    assert ada.hold()
    assert not bob.hold()
    assert (ada.epoch, ada.state) == (1, "first")
    assert wait(clock, 5 * LEASE_S, ada, bob) == [ada]
    assert ada.epoch == 1


def test_who_stands_still_is_replaced_and_can_change_nothing(
    member: Callable[[str], Leadership], clock: Clock, store: Store
) -> None:
    ada, bob = member("ada"), member("bob")
    ada.hold()
    assert ada.save("second")
    assert wait(clock, LEASE_S * 0.95, bob) == []
    assert wait(clock, LEASE_S * 0.5, bob) == [bob]
    assert (bob.epoch, bob.state) == (2, "second")
    assert not ada.save("third")
    assert not ada.hold()
    stored = JobStore(store).schedule()
    assert stored is not None
    assert (stored.holder, stored.state) == ("bob", "second")


def test_who_gives_up_is_replaced_at_once(member: Callable[[str], Leadership], clock: Clock) -> None:
    ada, bob = member("ada"), member("bob")
    ada.hold()
    bob.hold()
    ada.give_up()
    ada.give_up()
    assert wait(clock, LEASE_S / 4, bob) == [bob]
    assert bob.epoch == 2


def test_a_lease_that_ran_out_unnoticed_is_renewed(member: Callable[[str], Leadership], clock: Clock) -> None:
    ada = member("ada")
    ada.hold()
    clock.now_s += 100 * LEASE_S
    assert clock.now_s > ada.valid_until_s
    assert ada.hold()
    assert ada.epoch == 1


def test_time_in_which_nobody_looked_does_not_count(
    member: Callable[[str], Leadership], clock: Clock
) -> None:
    ada, bob = member("ada"), member("bob")
    ada.hold()
    bob.hold()
    clock.now_s += 100 * LEASE_S
    assert not bob.hold()


@pytest.mark.parametrize("is_done", [True, False])
def test_a_write_of_which_nobody_knows_is_found_out(
    is_done: bool, member: Callable[[str], Leadership], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = member("ada")
    ada.hold()
    real = store.compare_and_set

    def unanswered(*arguments: Any) -> bool:
        if is_done:
            real(*arguments)
        raise StoreUnavailable("nobody knows")

    monkeypatch.setattr(store, "compare_and_set", unanswered)
    with pytest.raises(StoreUnavailable):
        ada.save("second")
    monkeypatch.undo()
    assert ada.hold()
    assert ada.state == ("second" if is_done else "first")
    assert ada.save("third")
