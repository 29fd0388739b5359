"""Lanes without a socket: how batches grow, and where commands go when hosts and owners change."""

from __future__ import annotations

import math
from collections import deque

import pytest

from actors.messages import Envelope, decode_envelopes
from actors.view import Member, View
from domain.commands import CloseSession, session_of
from domain.identifiers import SessionId, UserId
from gateway.lanes import BATCH_GOOD, BATCH_MAX, BATCH_SHARE, LANE_BATCHES_MAX, Lanes

MEMBERS = {name: Member(name, "1", f"ws://{name[0]}") for name in ("a-0", "a-1", "b-0")}
NAMES = (("a-0", "host-0"), ("a-1", "host-1"))
ADDRESSES = {"host-0": "address 0", "host-1": "address 1"}
USERS = [UserId(f"user-{number}") for number in range(40)]


def view(number: int, *names: str) -> View:
    return View(number, tuple(MEMBERS[name] for name in names))


def command(number: int, user: UserId = USERS[0], connection: int = 1) -> Envelope:
    return Envelope(connection, user, CloseSession(session=SessionId("s"), command_nr=number, at_ms=0))


def lanes(*members: str) -> Lanes:
    """With both hosts there, and a view of `members`."""
    made = Lanes(NAMES)
    made.addresses_changed(ADDRESSES)
    if members:
        made.view_changed(view(1, *members))
    return made


def put(made: Lanes, *commands: Envelope) -> None:
    made.take(deque(commands))


def sent(made: Lanes) -> list[tuple[str, int, list[int]]]:
    """Address, number and commands of each batch that goes now."""
    return [
        (address, batch.number, [numbered(envelope) for envelope in decode_envelopes(batch.envelopes)])
        for address, batch in made.batches()
    ]


def done(made: Lanes) -> list[int]:
    """The connections of the commands that were answered."""
    return [connection for connection, _ in made.take_done()]


def numbered(envelope: Envelope) -> int:
    assert isinstance(envelope.command, CloseSession)
    return envelope.command.command_nr


def fill(made: Lanes, count: int) -> list[int]:
    """The sizes of the batches that go when `count` more commands came."""
    put(made, *(command(number) for number in range(count)))
    return [len(numbers) for _, _, numbers in sent(made)]


def test_an_idle_host_is_given_what_there_is_at_once() -> None:
    made = lanes("a-0")
    assert (sent(made), made.wanted()) == ([], 1)
    assert fill(made, 1) == [1]
    made.finished([1])
    assert fill(made, BATCH_MAX + 100) == [BATCH_MAX, 100]


def test_a_busy_host_is_given_more_when_it_is_worth_it() -> None:
    made = lanes("a-0")
    made.addresses_changed({"host-0": "address 0"})
    assert fill(made, 40) == [40]
    assert fill(made, 40 // BATCH_SHARE - 1) == []
    assert made.wanted() == 1
    assert fill(made, 1) == [40 // BATCH_SHARE]
    for _ in range(2, LANE_BATCHES_MAX):
        assert made.wanted() == BATCH_GOOD
        assert fill(made, BATCH_GOOD - 1) == []
        assert fill(made, 1) == [BATCH_GOOD]
    assert (fill(made, 2 * BATCH_MAX), made.wanted()) == ([], math.inf)
    made.finished([1])
    assert fill(made, 0) == [BATCH_MAX]


def test_beside_a_small_batch_a_second_goes_at_once() -> None:
    made = lanes("a-0")
    assert (fill(made, 1), fill(made, 1), fill(made, 1)) == ([1], [1], [])


def test_beside_a_large_batch_a_good_one_is_large_enough() -> None:
    made = lanes("a-0")
    assert fill(made, BATCH_MAX) == [BATCH_MAX]
    assert fill(made, BATCH_GOOD) == [BATCH_GOOD]


def test_a_batch_counts_once_all_of_it_is_answered_and_only_once() -> None:
    made = lanes("a-0")
    put(made, command(0, connection=1), command(1, connection=2), command(2, connection=1))
    assert [number for _, number, _ in sent(made)] == [1]
    made.finished([])
    assert done(made) == []
    made.finished([1])
    made.finished([1, 7])
    assert (done(made), done(made)) == ([1, 2, 1], [])


@pytest.mark.parametrize("is_known", [False, True])
def test_without_a_view_of_members_commands_wait(is_known: bool) -> None:
    made = lanes()
    if is_known:
        made.view_changed(view(1))
    put(made, command(0), command(1))
    assert (sent(made), done(made)) == ([], [])
    assert made.view_changed(view(2, "a-0"))
    assert sent(made) == [("address 0", 1, [0, 1])]


def test_without_an_address_commands_wait() -> None:
    made = Lanes(NAMES)
    made.view_changed(view(1, "a-1"))
    put(made, command(0), command(1))
    assert (sent(made), made.wanted()) == ([], math.inf)
    made.addresses_changed(ADDRESSES)
    assert sent(made) == [("address 1", 1, [0, 1])]


def test_each_user_has_the_lane_of_the_owner() -> None:
    made = lanes("a-0", "a-1")
    put(made, *(command(0, user) for user in USERS))
    batches = {address: decode_envelopes(batch.envelopes) for address, batch in made.batches()}
    assert set(batches) == set(ADDRESSES.values())
    for address, batch in batches.items():
        for envelope in batch:
            assert ADDRESSES[dict(NAMES)[str(made.routes.member(envelope.user))]] == address


def test_a_host_that_was_made_again_is_given_its_batches_again_in_order_under_new_numbers() -> None:
    made = lanes("a-0")
    assert (fill(made, 1), fill(made, 1)) == ([1], [1])
    put(made, command(2))
    made.addresses_changed({"host-1": "address 1"})
    assert sent(made) == []
    put(made, command(3))
    made.addresses_changed({"host-0": "a new one"})
    assert sent(made) == [("a new one", 3, [0, 0, 2, 3])]
    made.finished([1, 2])  # a late answer of the one that is gone
    assert done(made) == []
    made.finished([3])
    assert done(made) == [1] * 4


def test_a_view_that_is_not_newer_changes_nothing() -> None:
    made = lanes("a-0")
    for number in (0, 1):
        assert not made.view_changed(view(number, "a-1"))
    put(made, command(0))
    assert [address for address, _, _ in sent(made)] == ["address 0"]


def test_commands_follow_their_user_to_another_host_of_the_node() -> None:
    made = lanes("a-0")
    put(made, command(0))
    assert sent(made) == [("address 0", 1, [0])]
    put(made, command(1))
    made.view_changed(view(2, "a-1"))
    put(made, command(2))
    assert sent(made) == [("address 1", 2, [0, 1, 2])]
    made.finished([1])  # the former owner refused: nothing of it is still counted there
    assert done(made) == []
    made.finished([2])
    assert done(made) == [1] * 3


def test_commands_of_others_stay_where_they_are() -> None:
    made = lanes("a-0", "a-1")
    put(made, *(command(nr, user) for nr in range(2) for user in USERS))
    before = [batch for _, batch in made.batches()]
    made.view_changed(view(2, "a-0", "a-1", "b-0"))
    assert sent(made) == []
    elsewhere = [user for user in USERS if made.routes.elsewhere(user)]
    assert 0 < len(elsewhere) < len(USERS)
    assert len(done(made)) == 2 * len(elsewhere)
    made.finished([batch.number for batch in before])
    assert len(done(made)) == 2 * (len(USERS) - len(elsewhere))


def test_commands_of_users_of_another_node_are_dropped_and_count_as_answered() -> None:
    made = lanes("a-0")
    put(made, command(0))
    assert len(sent(made)) == 1
    put(made, command(1))
    made.view_changed(view(2, "b-0"))
    put(made, command(2))
    assert (sent(made), done(made)) == ([], [1] * 3)
    made.finished([1])
    assert done(made) == []


def test_what_a_command_says_stays_with_it() -> None:
    made = lanes("a-0")
    put(made, command(5, USERS[3], connection=9))
    ((_, batch),) = made.batches()
    (envelope,) = decode_envelopes(batch.envelopes)
    assert (envelope.connection, envelope.user, session_of(envelope.command)) == (9, USERS[3], "s")
