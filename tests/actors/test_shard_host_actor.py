"""The process around a shard host, without its process: whatever comes, the gateway gets its answer."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from thespian.actors import ActorExitRequest, WakeupMessage

from actors.messages import (
    Directory,
    ModelsChanged,
    ShardAnswer,
    ShardBatch,
    Started,
    StartFailed,
    StartShardHost,
    decode_addressed,
    encode_envelopes,
)
from actors.shard_host import ShardHost
from actors.shard_host_actor import ShardHostActor
from domain.errors import StoreUnavailable
from domain.replies import Acknowledged, Refused
from persistence.ports import Store
from persistence.sqlite import SqliteStore
from persistence.tables import SNAPSHOT
from tests.actors.driving import MASTER_KEY
from tests.actors.test_shard_host import ALICE, frame, opened


class Host(ShardHostActor):
    """Keeps what it sends."""

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


def no_store() -> Store:
    raise StoreUnavailable("the disk is gone", remedy="mend it")


def start(tmp_path: Path) -> StartShardHost:
    return StartShardHost(partial(SqliteStore, tmp_path), MASTER_KEY, 100, 0.0)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_its_life(tmp_path: Path) -> None:
    host = Host()
    assert isinstance(host.told(start(tmp_path)), Started)
    batch = encode_envelopes([opened(ALICE), frame(ALICE, 0)])
    answer = host.told(ShardBatch(7, batch))
    assert answer.number == 7
    assert all(isinstance(each.reply, Acknowledged) for each in decode_addressed(answer.replies))
    assert host.told(ModelsChanged()) is None
    host.told(ActorExitRequest())
    store = SqliteStore(tmp_path)
    assert [row.persistence_id for row in store.scan(SNAPSHOT)] == [ALICE]
    store.close()


def test_the_idle_are_passivated_now_and_then(tmp_path: Path) -> None:
    host = Host()
    host.told(start(tmp_path))
    host.told(ShardBatch(1, encode_envelopes([opened(ALICE)])))
    host.told(WakeupMessage(None))
    assert host._host is not None
    assert host._host.live_count == 0


def test_a_batch_that_fails_is_answered_with_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host()
    batch = ShardBatch(3, encode_envelopes([opened(ALICE), frame(ALICE, 0)]))
    before = host.told(batch)  # it was not even started
    host.told(start(tmp_path))
    monkeypatch.setattr(ShardHost, "process", lambda self, envelopes: 1 / 0)
    for answer in (before, host.told(batch)):
        assert isinstance(answer, ShardAnswer)
        replies = [each.reply for each in decode_addressed(answer.replies)]
        assert [type(reply) for reply in replies] == [Refused, Refused]
        assert all(reply.retry for reply in replies if isinstance(reply, Refused))


def test_a_batch_that_cannot_be_read_is_answered(tmp_path: Path) -> None:
    host = Host()
    host.told(start(tmp_path))
    assert host.told(ShardBatch(3, b"\xc1")).number == 3


@pytest.mark.parametrize(("open_store", "wrong"), [(no_store, "the disk is gone"), (None, "not callable")])
def test_what_cannot_start_says_why(open_store: Any, wrong: str) -> None:
    answer = Host().told(StartShardHost(open_store, MASTER_KEY, 1, 1.0))
    assert isinstance(answer, StartFailed)
    assert wrong in answer.message


@pytest.mark.parametrize(
    "message", [Directory({}), ModelsChanged(), WakeupMessage(None), ActorExitRequest(), 5]
)
def test_what_comes_before_the_start_harms_nothing(message: object) -> None:
    assert Host().told(message) is None
