from __future__ import annotations

import logging
import queue
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.membership import Holding, Membership
from actors.membership_thread import MembershipThread
from actors.tenure import Tenure, machine_s
from actors.view import View
from domain.errors import StoreUnavailable
from persistence.ports import Store
from persistence.sqlite import SqliteStore
from tests.actors.helpers import DEADLINE_SECONDS, eventually
from tests.actors.membership_rig import ALL

NEVER_S = 1e6
HOLDING = Holding(1, View(1, ()))


class Script:
    """Plays a membership: each step or attempt to leave takes the next of `outcomes`, then waits for ever."""

    pause_s = NEVER_S

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.done: queue.Queue[str] = queue.Queue()
        self.holdings: list[Holding] = []

    def step(self) -> Holding | None:
        return self._next("step")

    def leave(self) -> bool:
        return bool(self._next("leave"))

    def released(self, holding: Holding) -> None:
        self.holdings.append(holding)

    def _next(self, what: str) -> Any:
        outcome = self.outcomes.pop(0) if self.outcomes else None
        self.pause_s = 0.0 if self.outcomes else NEVER_S
        self.done.put(what)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def thread_over(script: Script, holdings: list[Holding]) -> MembershipThread:
    thread = MembershipThread(script, holdings.append)  # type: ignore[arg-type]
    thread.start()
    return thread


def wait_for(script: Script, *expected: str) -> None:
    assert [script.done.get(timeout=DEADLINE_SECONDS) for _ in expected] == list(expected)


def test_what_a_step_gives_is_handed_on() -> None:
    script, holdings = Script(None, HOLDING), list[Holding]()
    thread = thread_over(script, holdings)
    wait_for(script, "step", "step")
    thread.stop(DEADLINE_SECONDS)
    assert holdings == [HOLDING]


def test_what_was_released_is_said_at_once() -> None:
    script = Script()
    thread = thread_over(script, [])
    wait_for(script, "step")
    thread.released(HOLDING)
    wait_for(script, "step")
    thread.stop(DEADLINE_SECONDS)
    assert script.holdings == [HOLDING]


def test_it_leaves_at_once_and_tries_until_others_see_it() -> None:
    script = Script()
    thread = thread_over(script, [])
    wait_for(script, "step")
    script.outcomes = [StoreUnavailable("away"), False, True]
    assert thread.leave(DEADLINE_SECONDS)
    wait_for(script, "leave", "leave", "leave")


def test_leaving_has_an_end() -> None:
    script = Script()
    thread = thread_over(script, [])
    wait_for(script, "step")
    assert not thread.leave(0.01)
    thread.stop(DEADLINE_SECONDS)


def test_trouble_is_logged_once_and_its_end_as_well(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    script = Script(*[StoreUnavailable("away")] * 3, StoreUnavailable("slow"), None)
    thread = thread_over(script, [])
    wait_for(script, *["step"] * 5)
    thread.stop(DEADLINE_SECONDS)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["membership: away", "membership: slow", "membership goes on"]


def test_an_error_of_ours_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    script, holdings = Script(ValueError("a bug"), HOLDING), list[Holding]()
    thread = thread_over(script, holdings)
    wait_for(script, "step", "step")
    thread.stop(DEADLINE_SECONDS)
    assert "membership failed" in caplog.text
    assert holdings == [HOLDING]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


class Host:
    """A real member that releases what it is handed at once."""

    def __init__(self, store: Store, member_id: str) -> None:
        self.tenure = Tenure(machine_s)
        membership = Membership(
            store,
            member_id,
            f"wss://{member_id}",
            self.tenure,
            machine_s,
            new_incarnation=lambda: uuid.uuid4().hex,
            lease_s=2.0,
        )
        self.thread = MembershipThread(membership, self._changed)
        self.thread.start()

    def _changed(self, holding: Holding) -> None:
        self.tenure.epochs = holding.epochs
        self.thread.released(holding)


def test_members_share_the_shards_and_follow_each_other(store: SqliteStore) -> None:
    ada = Host(store, "ada")
    eventually(lambda: ada.tenure.epochs.keys() == ALL, "ada acts for everything")
    ben = Host(store, "ben")
    eventually(lambda: ben.tenure.epochs and ben.tenure.is_valid, "ben acts for his part")
    assert ada.tenure.epochs.keys() == ALL - ben.tenure.epochs.keys()
    assert ben.thread.leave(DEADLINE_SECONDS)
    eventually(lambda: ada.tenure.epochs.keys() == ALL, "ada follows ben who left")
    cyd = Host(store, "cyd")
    eventually(lambda: cyd.tenure.epochs, "cyd acts for her part")
    cyd.thread.stop(DEADLINE_SECONDS)
    eventually(lambda: ada.tenure.epochs.keys() == ALL, "ada follows cyd who died")
    assert not cyd.tenure.is_valid
    assert ada.thread.leave(DEADLINE_SECONDS)
