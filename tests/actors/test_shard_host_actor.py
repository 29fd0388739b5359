"""The process around a shard host, without its process: whatever comes, the gateway gets its answer."""

from __future__ import annotations

import logging
import select
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from thespian.actors import ActorExitRequest, WakeupMessage, WatchMessage

from actors.messages import (
    Directory,
    ModelsChanged,
    ShardAnswer,
    ShardBatch,
    Started,
    StartFailed,
    StartShardHost,
    ViewChanged,
    decode_addressed,
    encode_envelopes,
)
from actors.session_actors import SessionActors
from actors.shard_host_actor import ShardHostActor
from domain.errors import StoreUnavailable
from domain.identifiers import SHARD_COUNT, shard_of
from domain.replies import Acknowledged, Refused, Reply
from persistence.ports import Store
from persistence.sqlite import SqliteStore
from persistence.tables import SNAPSHOT, VIEW
from tests.actors.driving import MASTER_KEY
from tests.actors.helpers import DEADLINE_SECONDS
from tests.actors.test_shard_host import ALICE, frame, opened


class Host(ShardHostActor):
    """Keeps what it sends, and looks into its pipe as Thespian does."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Any] = []

    def send(self, address: object, message: object) -> None:
        self.sent.append(message)

    def wakeupAfter(self, period: object, payload: object = None) -> None:  # noqa: N802
        pass

    def told(self, message: object) -> Any:
        """The last of what it sends at `message`, or None."""
        self.sent.clear()
        self.receiveMessage(message, "gateway")
        return self.sent[-1] if self.sent else None

    def started(self, message: StartShardHost) -> Host:
        """Serves all shards, as it is alone."""
        assert isinstance(self.told(message), Started)
        self.until(lambda: self._holding is not None and len(self._holding.epochs) == SHARD_COUNT)
        return self

    def answered(self, batch: ShardBatch) -> list[Reply]:
        """The replies to a batch."""
        self.told(batch)
        self.until(lambda: any(batch.number in answer.finished for answer in self._answers()))
        return [each.reply for answer in self._answers() for each in decode_addressed(answer.replies)]

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            readable, _, _ = select.select([self._wake_read], [], [], DEADLINE_SECONDS)
            assert readable, "nothing happens"
            self.receiveMessage(WatchMessage(readable), "thespian")

    def _answers(self) -> list[ShardAnswer]:
        return [message for message in self.sent if isinstance(message, ShardAnswer)]


def no_store() -> Store:
    raise StoreUnavailable("the disk is gone", remedy="mend it")


def start(tmp_path: Path, open_store: Any = None) -> StartShardHost:
    return StartShardHost(
        open_store=open_store or partial(SqliteStore, tmp_path),
        master_key=MASTER_KEY,
        pseudonym_key=b"of the test",
        sessions_max=100,
        passivate_after_s=0.0,
        member_id="node/shard-host-0",
        url="ws://127.0.0.1:1",
        lease_s=10.0,
    )


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_its_life(tmp_path: Path) -> None:
    host = Host().started(start(tmp_path))
    replies = host.answered(ShardBatch(7, encode_envelopes([opened(ALICE), frame(ALICE, 0)])))
    assert [type(reply) for reply in replies] == [Acknowledged, Acknowledged]
    assert host.told(ModelsChanged()) is None
    host.told(ActorExitRequest())
    store = SqliteStore(tmp_path)
    assert [row.persistence_id for row in store.scan(SNAPSHOT)] == [ALICE]
    (view,) = store.scan(VIEW)
    assert view.members == "[]", "it has left"
    store.close()


def test_the_gateway_is_told_who_owns_what_also_a_new_one(tmp_path: Path) -> None:
    host = Host().started(start(tmp_path))
    for address in ("a gateway", "another one"):
        told = host.told(Directory({"gateway": address}))
        assert isinstance(told, ViewChanged)
        owner = told.view.owner(shard_of(ALICE))
        assert owner is not None
        assert (owner.member_id, owner.url) == ("node/shard-host-0", "ws://127.0.0.1:1")


def test_the_idle_are_passivated_now_and_then(tmp_path: Path) -> None:
    host = Host().started(start(tmp_path))
    host.answered(ShardBatch(1, encode_envelopes([opened(ALICE)])))
    host.told(WakeupMessage(None))
    assert host._host is not None
    assert host._host.live_count == 0


def test_a_batch_that_fails_is_answered_with_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = ShardBatch(3, encode_envelopes([opened(ALICE), frame(ALICE, 0)]))
    too_early = Host().told(batch)  # it was not even started
    host = Host().started(start(tmp_path))
    monkeypatch.setattr(SessionActors, "take", lambda self, user, commands: 1 / 0)
    for replies in ([each.reply for each in decode_addressed(too_early.replies)], host.answered(batch)):
        assert [type(reply) for reply in replies] == [Refused, Refused]
        assert all(reply.retry for reply in replies if isinstance(reply, Refused))


def test_a_batch_that_cannot_be_read_is_answered(tmp_path: Path) -> None:
    host = Host().started(start(tmp_path))
    assert host.told(ShardBatch(3, b"\xc1")).finished == (3,)


@pytest.mark.parametrize(("open_store", "wrong"), [(no_store, "the disk is gone"), (5, "not callable")])
def test_what_cannot_start_says_why(tmp_path: Path, open_store: Any, wrong: str) -> None:
    answer = Host().told(start(tmp_path, open_store))
    assert isinstance(answer, StartFailed)
    assert wrong in answer.message


@pytest.mark.parametrize(
    "message", [Directory({}), ModelsChanged(), WakeupMessage(None), ActorExitRequest(), 5]
)
def test_what_comes_before_the_start_harms_nothing(message: object) -> None:
    assert Host().told(message) is None
