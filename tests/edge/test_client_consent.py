"""A device says what its user agrees to until it is answered, whatever breaks in between."""

from __future__ import annotations

from typing import Any

from edge import protocol
from edge.client import DeviceClient


def message(**fields: Any) -> bytes:
    return protocol.encode(fields)


def welcome() -> bytes:
    return message(type="welcome", version=1, credit=8, message_bytes_max=9, models=[])


def sent(client: DeviceClient) -> list[Any]:
    return [protocol.decode(data) or data for data in client.to_send()]


def connected() -> DeviceClient:
    client = DeviceClient("token", "watch")
    client.consent(5, recognition=True, statistics=False, training=True)
    assert client.to_send() == []
    client.hello()
    client.receive(welcome())
    return client


HELD = {
    "type": "consent",
    "user": "ada",
    "at_ms": 5,
    "recognition": True,
    "statistics": False,
    "training": True,
}


def test_it_is_sent_once_and_again_on_the_next_connection_until_it_is_answered() -> None:
    client = connected()
    assert [each["training"] for each in sent(client)] == [True]
    assert sent(client) == []
    client.hello()
    client.receive(welcome())
    assert len(sent(client)) == 1
    assert not client.is_idle
    assert client.receive(message(**HELD)) == HELD
    assert client.is_idle
    client.hello()
    client.receive(welcome())
    assert sent(client) == []


def test_an_answer_to_an_earlier_one_is_not_the_answer() -> None:
    client = connected()
    client.receive(message(**{**HELD, "at_ms": 4}))
    assert not client.is_idle


def test_a_refusal_that_says_so_is_followed_by_the_same_again() -> None:
    client = connected()
    refused = {"type": "error", "wrong": "away", "session": "", "stream": "", "nr": 0}
    assert len(sent(client)) == 1
    client.receive(message(**refused, code="store_unavailable", retry=True))
    client.retry()
    assert len(sent(client)) == 1
    client.receive(message(**refused, code="erased", retry=False))
    assert client.is_idle
    assert [each["code"] for each in client.refusals] == ["erased"]
