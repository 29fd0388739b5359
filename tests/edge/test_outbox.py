"""The outbox against a model of the server: whatever breaks, everything arrives exactly once and in order."""

from __future__ import annotations

from collections import deque

import msgpack
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.errors import InvalidInput
from edge.outbox import Key, Outbox

KEYS = [("s", ""), ("s", "a"), ("s", "g"), ("t", "")]
STEPS_MAX = 2000  # of the calm at the end in which everything must arrive

Sent = tuple[Key, int]


def packed(key: Key, number: int) -> bytes:
    data: bytes = msgpack.packb([*key, number])
    return data


def unpacked(data: bytes) -> Sent:
    session, stream, number = msgpack.unpackb(data)
    return (session, stream), number


class Server:
    """Takes each stream in order, in batches that are written whole or not at all."""

    def __init__(self) -> None:
        self.stored: dict[Key, list[int]] = {key: [] for key in KEYS}

    def process(self, batch: list[Sent], *, write_fails: bool) -> list[tuple[str, Key, int]]:
        """The answers: cumulative acknowledgements, `out_of_order` or, for all of the batch, `retry`."""
        if write_fails:
            return [("retry", key, number) for key, number in batch]
        answers, touched = [], []
        for key, number in batch:
            taken = self.stored[key]
            if number > len(taken):
                answers.append(("out_of_order", key, len(taken)))
                continue
            if number == len(taken):
                taken.append(number)
            touched.append(key)
        return answers + [("ack", key, len(self.stored[key])) for key in dict.fromkeys(touched)]


class OutboxMachine(RuleBasedStateMachine):
    @initialize(credit=st.integers(1, 8))
    def begin(self, credit: int) -> None:
        self.credit = credit
        self.outbox = Outbox()
        self.server = Server()
        self.recorded = dict.fromkeys(KEYS, 0)
        self.on_the_way: deque[Sent] = deque()
        self.answers: deque[tuple[str, Key, int]] = deque()
        self.unacknowledged: set[Sent] = set()  # sent on this connection
        self.acknowledged = dict.fromkeys(KEYS, 0)  # as far as the device was told
        self.must_retry = False

    @rule(key=st.sampled_from(KEYS), count=st.integers(1, 5))
    def record(self, key: Key, count: int) -> None:
        for _ in range(count):
            assert self.outbox.next_number(*key) == self.recorded[key]
            self.outbox.add(*key, packed(key, self.recorded[key]))
            self.recorded[key] += 1

    @precondition(lambda self: not self.must_retry)
    @rule()
    def send(self) -> None:
        for data in self.outbox.take(self.credit):
            key, number = unpacked(data)
            assert number >= self.acknowledged[key], "sent again what was acknowledged"
            self.unacknowledged.add((key, number))
            self.on_the_way.append((key, number))
        assert len(self.unacknowledged) <= self.credit

    @precondition(lambda self: self.on_the_way)
    @rule(count=st.integers(1, 8), write_fails=st.booleans())
    def process(self, count: int, write_fails: bool) -> None:
        batch = [self.on_the_way.popleft() for _ in range(min(count, len(self.on_the_way)))]
        self.answers += self.server.process(batch, write_fails=write_fails)

    @precondition(lambda self: self.answers)
    @rule(count=st.integers(1, 8))
    def hear(self, count: int) -> None:
        for _ in range(min(count, len(self.answers))):
            kind, key, number = self.answers.popleft()
            if kind == "ack":
                self.outbox.acknowledge(*key, number)
                self.acknowledged[key] = max(self.acknowledged[key], number)
                self.unacknowledged = {
                    (k, n) for k, n in self.unacknowledged if (k, n) >= (key, number) or k != key
                }
            elif kind == "out_of_order":
                self.outbox.rewind_to(*key, number)
            else:
                self.must_retry = True

    @precondition(lambda self: self.must_retry)
    @rule()
    def retry(self) -> None:
        self.must_retry = False
        self.outbox.rewind()

    @rule(arrives=st.booleans(), is_processed=st.booleans())
    def reconnect(self, arrives: bool, is_processed: bool) -> None:
        """What is on the way is lost, or taken while the answer is lost."""
        if arrives:
            self.server.process(list(self.on_the_way), write_fails=not is_processed)
        self.on_the_way.clear()
        self.answers.clear()
        self.unacknowledged.clear()
        self.must_retry = False
        self.outbox.rewind()

    @invariant()
    def nothing_is_stored_twice_or_out_of_order(self) -> None:
        for key, stored in self.server.stored.items():
            assert stored == list(range(len(stored)))
            assert self.acknowledged[key] == self.outbox.acknowledged(*key) <= len(stored)

    def teardown(self) -> None:
        """Once the line is calm everything arrives, without a new connection."""
        for _ in range(STEPS_MAX):
            if not self.outbox and not self.on_the_way and not self.answers:
                break
            if self.must_retry:
                self.retry()
            self.send()
            if self.on_the_way:
                self.process(8, write_fails=False)
            if self.answers:
                self.hear(8)
        assert len(self.outbox) == 0
        assert {key: len(stored) for key, stored in self.server.stored.items()} == self.recorded
        assert all(self.outbox.acknowledged(*key) == count for key, count in self.recorded.items())


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def filled(count: int, *streams: str) -> Outbox:
    outbox = Outbox()
    for number in range(count):
        for stream in streams:
            outbox.add("s", stream, packed(("s", stream), number))
    return outbox


def taken(outbox: Outbox, credit: int) -> list[tuple[str, int]]:
    return [(key[1], number) for key, number in map(unpacked, outbox.take(credit))]


def test_at_most_the_credit_is_on_the_way() -> None:
    outbox = filled(5, "a")
    assert taken(outbox, 3) == [("a", 0), ("a", 1), ("a", 2)]
    assert taken(outbox, 3) == []
    outbox.acknowledge("s", "a", 2)
    assert taken(outbox, 3) == [("a", 3), ("a", 4)]


@pytest.mark.parametrize("next_number", [-1, 0, 2, 10**30])
def test_what_was_never_sent_is_sent_whatever_the_server_acknowledges(next_number: int) -> None:
    outbox = filled(4, "a")
    outbox.take(1)
    outbox.acknowledge("s", "a", next_number)
    assert taken(outbox, 9)[-3:] == [("a", 1), ("a", 2), ("a", 3)]


def test_an_acknowledgement_may_cover_what_an_older_connection_sent() -> None:
    outbox = filled(4, "a")
    outbox.take(4)
    outbox.rewind()
    outbox.take(1)
    outbox.acknowledge("s", "a", 4)
    assert len(outbox) == 0


def test_an_acknowledgement_of_an_unknown_stream_is_not_remembered() -> None:
    outbox = filled(1, "a")
    for number in range(100):
        outbox.acknowledge("s", f"x{number}", 5)
        outbox.rewind_to("s", f"x{number}", 5)
        outbox.drop_session(f"x{number}")
    assert not outbox._acknowledged
    assert not outbox._rewound
    assert not outbox._dropped


def test_streams_that_are_behind_are_each_sent_again_once() -> None:
    """Sending everything again for each refusal would leave more unanswered than the server bears."""
    outbox = filled(4, "a", "g")
    outbox.take(8)
    again = []
    for stream, expected in [("a", 1), ("g", 1), ("a", 1), ("g", 1), ("a", 1), ("g", 1)]:
        outbox.rewind_to("s", stream, expected)
        again += taken(outbox, 8)
    assert sorted(again) == [(stream, number) for stream in "ag" for number in range(4)]


def test_a_dropped_session_leaves_the_others_their_credit() -> None:
    outbox = filled(3, "a")
    outbox.add("t", "", packed(("t", ""), 0))
    outbox.take(2)
    outbox.drop_session("s")
    for _ in range(10):  # the application goes on recording
        outbox.add("s", "a", b"")
    assert [unpacked(data) for data in outbox.take(2)] == [(("t", ""), 0)]
    assert len(outbox) == 1


def test_a_full_outbox_says_so() -> None:
    outbox = Outbox(entries_max=2)
    outbox.add("s", "", b"")
    outbox.add("s", "", b"")
    with pytest.raises(InvalidInput, match="2 messages wait"):
        outbox.add("s", "", b"")
    assert outbox.next_number("s", "") == 2
