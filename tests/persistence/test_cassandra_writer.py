"""The writer against answers that a healthy server cannot be made to give.

`Servers` stands in for the session: it answers each message as the test says, at once or when told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import cassandra
import pytest
from cassandra import protocol
from cassandra.cluster import NoHostAvailable

from domain.errors import StoreFull, StoreRejected, StoreUnavailable
from persistence.cassandra.batches import Limits, Piece, Route
from persistence.cassandra.writer import MESSAGES_MAX, Writer

ROUTE = Route((1,), 1)
OTHER = Route((2,), 2)
LIMITS = Limits(batch_bytes=1000, mutation_bytes=10_000)
OVERLOADED = protocol.OverloadedErrorMessage(0x1001, "too many", None)
INVALID = cassandra.InvalidRequest("no such column")


@dataclass
class Sent:
    parts: list[bytes]
    timeout: float
    succeeded: Callable[[], None]
    failed: Callable[[BaseException], None]


class Servers:
    def __init__(self, answer: Callable[[Sent], BaseException | None] | None = None) -> None:
        self.answer = answer
        self.sent: list[Sent] = []

    def send(
        self,
        route: Route,
        parts: Sequence[bytes],
        timeout: float,
        succeeded: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        message = Sent(list(parts), timeout, succeeded, failed)
        self.sent.append(message)
        if self.answer is not None:
            error = self.answer(message)
            if error is None:
                succeeded()
            else:
                failed(error)


def pieces(*names: bytes, size: int = 100, route: Route = ROUTE) -> list[Piece]:
    return [Piece(route, [name], size) for name in names]


def writer_of(servers: Servers, retry_seconds: float = 5.0) -> Writer:
    """Pauses are as short as they can be."""
    return Writer(servers.send, LIMITS, retry_seconds, jitter=lambda: -0.4)


def failing(times: int, error: BaseException) -> Callable[[Sent], BaseException | None]:
    left = [times]

    def answer(message: Sent) -> BaseException | None:
        left[0] -= 1
        return error if left[0] >= 0 else None

    return answer


@pytest.mark.parametrize(
    "error",
    [
        OVERLOADED,
        cassandra.Unavailable("no replicas"),
        cassandra.WriteTimeout("slow", write_type=0),
        cassandra.WriteFailure("failed", write_type=0),
        cassandra.OperationTimedOut({}, None),
        protocol.IsBootstrappingErrorMessage(0x1002, "not yet", None),
        protocol.ServerError(0, "bug", None),
        protocol.TruncateError(0x1003, "truncating", None),
        NoHostAvailable("none", {"db": ConnectionRefusedError("refused")}),
        ConnectionResetError("reset"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_can_be_repeated_is_repeated(error: BaseException) -> None:
    servers = Servers(failing(3, error))
    writer = writer_of(servers)
    assert writer.submit([pieces(b"a")]).result(30) is None
    assert [message.parts for message in servers.sent] == [[b"a"]] * 4
    writer.close(5)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (INVALID, StoreRejected),
        (cassandra.Unauthorized("no MODIFY"), StoreRejected),
        (protocol.SyntaxException(0x2000, "what", None), StoreRejected),
        (cassandra.InvalidRequest("Write request failed because disk usage exceeds it"), StoreFull),
        (RuntimeError("what"), StoreUnavailable),
    ],
)
def test_what_cannot_be_repeated_is_told_at_once(error: BaseException, expected: type[Exception]) -> None:
    servers = Servers(failing(1, error))
    writer = writer_of(servers)
    assert isinstance(writer.submit([pieces(b"a")]).exception(30), expected)
    assert len(servers.sent) == 1
    assert writer.submit([pieces(b"b")]).result(30) is None
    writer.close(5)


def test_an_overloaded_server_gets_less_at_a_time_and_then_more_again() -> None:
    servers, now = Servers(), [0.0]
    writer = Writer(servers.send, LIMITS, 5.0, clock=lambda: now[0], jitter=lambda: 0.5)
    futures = [writer.submit([pieces(b"%d" % number, size=LIMITS.batch_bytes)]) for number in range(200)]
    assert len(servers.sent) == writer.allowed == MESSAGES_MAX
    servers.sent[0].failed(OVERLOADED)
    assert writer.allowed == MESSAGES_MAX // 2
    for message in servers.sent[1:MESSAGES_MAX]:
        message.failed(OVERLOADED)  # of the same moment: they slow it down no further
    assert writer.allowed == MESSAGES_MAX // 2
    assert len(servers.sent) == MESSAGES_MAX
    servers.answer = lambda message: None
    now[0] += 0.05  # the pause
    assert all(future.exception(60) is None for future in futures)
    assert writer.allowed == MESSAGES_MAX
    assert sorted({part for message in servers.sent for part in message.parts}) == sorted(
        b"%d" % number for number in range(200)
    )
    writer.close(5)


def test_a_server_that_stays_overloaded_gets_one_message_at_a_time() -> None:
    servers = Servers(failing(12, OVERLOADED))
    writer = writer_of(servers, retry_seconds=60)
    assert writer.submit([pieces(b"a")]).result(60) is None
    assert len(servers.sent) == 13
    assert writer.allowed == 2
    writer.close(5)


def test_after_the_time_for_repetition_it_is_given_up_and_so_is_what_waits() -> None:
    servers = Servers(lambda message: OVERLOADED)
    writer = writer_of(servers, retry_seconds=0.3)
    futures = [writer.submit([pieces(b"%d" % number, size=LIMITS.batch_bytes)]) for number in range(100)]
    outcomes = [future.exception(30) for future in futures]
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert "too many" in str(outcomes[0])
    assert "too many" in str(outcomes[99])
    assert len({part for message in servers.sent for part in message.parts}) < 100
    servers.answer = lambda message: None
    assert writer.submit([pieces(b"later")]).result(30) is None
    writer.close(5)


def test_a_last_try_is_not_waited_for_longer_than_the_time_that_is_left() -> None:
    servers = Servers(failing(2, OVERLOADED))
    writer = writer_of(servers, retry_seconds=2.0)
    writer.submit([pieces(b"a")]).result(30)
    assert servers.sent[0].timeout == pytest.approx(2.0, abs=0.1)
    assert servers.sent[0].timeout > servers.sent[1].timeout > servers.sent[2].timeout >= 0.5
    writer.close(5)


def test_what_waits_for_its_turn_shares_messages() -> None:
    servers = Servers()
    writer = writer_of(servers)
    futures = [writer.submit([pieces(b"%02d" % number)]) for number in range(MESSAGES_MAX + 25)]
    futures += [writer.submit([pieces(b"x%d" % number, route=OTHER)]) for number in range(3)]
    assert [message.parts for message in servers.sent] == [[b"%02d" % n] for n in range(MESSAGES_MAX)]
    servers.answer = lambda message: None
    for message in servers.sent[:MESSAGES_MAX]:
        message.succeeded()
    assert all(future.result(30) is None for future in futures)
    shared = [len(message.parts) for message in servers.sent[MESSAGES_MAX:]]
    assert shared == [10, 3, 10, 5]
    writer.close(5)


def test_of_pieces_that_shared_a_refused_message_only_the_wrong_one_fails() -> None:
    servers = Servers()
    writer = writer_of(servers)
    first = [writer.submit([pieces(b"%d" % number, size=1000)]) for number in range(MESSAGES_MAX)]
    futures = {name: writer.submit([pieces(name)]) for name in (b"a", b"wrong", b"b", b"c")}
    servers.answer = lambda message: INVALID if b"wrong" in message.parts else None
    for message in servers.sent[:MESSAGES_MAX]:
        message.succeeded()
    failed = {name for name, future in futures.items() if future.exception(30)}
    assert failed == {b"wrong"}
    assert isinstance(futures[b"wrong"].exception(), StoreRejected)
    assert [message.parts for message in servers.sent[MESSAGES_MAX:]] == [
        [b"a", b"wrong", b"b", b"c"],
        [b"a"],
        [b"wrong"],
        [b"b"],
        [b"c"],
    ]
    assert all(future.result(30) is None for future in first)
    writer.close(5)


def test_a_stage_is_sent_when_the_one_before_is_durable() -> None:
    servers = Servers()
    writer = writer_of(servers)
    future = writer.submit([pieces(b"a", b"b", size=900), pieces(b"c"), pieces(b"d")])
    assert [message.parts for message in servers.sent] == [[b"a"], [b"b"]]
    servers.sent[1].succeeded()
    assert len(servers.sent) == 2
    servers.sent[0].succeeded()
    assert servers.sent[2].parts == [b"c"]
    servers.sent[2].failed(INVALID)
    assert isinstance(future.exception(5), StoreRejected)
    assert len(servers.sent) == 3
    writer.close(5)


def test_of_an_answer_that_comes_twice_the_second_counts_for_nothing() -> None:
    servers = Servers()
    writer = writer_of(servers)
    first, second = writer.submit([pieces(b"a")]), writer.submit([pieces(b"b")])
    for _ in range(2):
        servers.sent[0].succeeded()
        servers.sent[0].failed(INVALID)
    assert first.result(5) is None
    assert not second.done()
    servers.sent[1].succeeded()
    assert second.result(5) is None
    assert writer.allowed == MESSAGES_MAX
    writer.close(5)


def test_a_send_that_raises_is_a_failure() -> None:
    def send(*arguments: Any) -> None:
        raise RuntimeError("the session is shut down")

    writer = Writer(send, LIMITS, 1.0)
    assert isinstance(writer.submit([pieces(b"a")]).exception(5), StoreUnavailable)
    writer.close(5)


def test_closing_waits_for_what_is_under_way() -> None:
    servers = Servers()
    writer = writer_of(servers)
    future = writer.submit([pieces(b"a")])
    closed = threading.Thread(target=writer.close, args=(60,))
    closed.start()
    assert not future.done()
    servers.sent[0].succeeded()
    closed.join(60)
    assert not closed.is_alive()
    assert future.result(0) is None


def test_a_future_cannot_be_cancelled_once_it_is_sent() -> None:
    writer = writer_of(Servers())
    future: Future[None] = writer.submit([pieces(b"a")])
    assert not future.cancel()
