"""A device's end of a connection: refusals, models, and a server that says strange things."""

from __future__ import annotations

import hashlib
from typing import Any

import msgpack
import pytest

from domain.errors import NotAuthorised
from edge import protocol
from edge.artefact import FILE_BYTES_MAX, encode
from edge.client import COMMANDS, REFUSALS_MAX, DeviceClient, is_retry
from tests.edge.test_artefact import SIGNING_KEY, VERIFY_KEY, artefact

FILE = encode(artefact(), SIGNING_KEY)


def welcomed(*offers: dict[str, Any], credit: int = 32) -> DeviceClient:
    client = DeviceClient("token", "watch-1", verify_key=VERIFY_KEY)
    client.hello()
    told(client, type="welcome", version=1, credit=credit, models=list(offers))
    return client


def told(client: DeviceClient, **message: Any) -> dict[str, Any] | None:
    return client.receive(protocol.encode(message))


def refused(client: DeviceClient, code: str, **changed: Any) -> dict[str, Any] | None:
    fields = {"type": "error", "code": code, "wrong": "wrong", "retry": False, "session": "s", "stream": ""}
    return told(client, **(fields | changed))


def sent(client: DeviceClient) -> list[tuple[str, int]]:
    """Type and number (of a model's part: its offset) of what the client sends now."""
    messages = map(msgpack.unpackb, client.to_send())
    return [(message["type"], message.get("nr", message.get("offset"))) for message in messages]


def recording(client: DeviceClient) -> DeviceClient:
    client.open_session("s", 1, "server", [("a", "a", "wrist")])
    client.label("s", 1, 2, "squat", 8, None)
    client.label("s", 3, 4, "row", 8, None)
    return client


def offer(file: bytes = FILE, **changed: Any) -> dict[str, Any]:
    fields = {"model": "gym-1", "sensor_set": "a@50", "bytes": len(file)}
    return fields | {"digest": hashlib.sha256(file).hexdigest()} | changed


def give(client: DeviceClient, file: bytes = FILE, size: int = 500) -> dict[str, Any] | None:
    """Serve the parts that the client asks for; its last word."""
    word = None
    while requests := [m for m in map(msgpack.unpackb, client.to_send()) if m["type"] == "get_model"]:
        for request in requests:
            part = file[request["offset"] : request["offset"] + size]
            word = told(
                client,
                type="model_part",
                digest=request["digest"],
                offset=request["offset"],
                total=len(file),
                data=part,
            )
    return word


def test_nothing_is_sent_before_the_welcome() -> None:
    client = recording(DeviceClient("token", "watch-1"))
    assert client.to_send() == []
    assert msgpack.unpackb(client.hello()) == {
        "type": "hello",
        "version": 1,
        "token": "token",
        "device": "watch-1",
    }
    assert client.to_send() == []
    told(client, type="welcome", version=1, credit=2, models=[])
    assert sent(client) == [("open", 0), ("label", 1)]
    told(client, type="ack", session="s", stream=COMMANDS, next=2)
    assert sent(client) == [("label", 2)]
    assert not client.is_idle


@pytest.mark.parametrize("credit", [-(2**63), -1, 0, 1])
def test_a_strange_credit_still_lets_one_message_through(credit: int) -> None:
    assert sent(recording(welcomed(credit=credit))) == [("open", 0)]


def test_after_a_break_what_is_unacknowledged_comes_again() -> None:
    client = recording(welcomed())
    sent(client)
    told(client, type="ack", session="s", stream=COMMANDS, next=1)
    client.disconnected()
    assert not client.is_welcome
    client.hello()
    told(client, type="welcome", version=1, credit=32, models=[])
    assert sent(client) == [("label", 1), ("label", 2)]


def test_a_session_is_closed_once_everything_else_of_it_is_acknowledged() -> None:
    client = recording(welcomed())
    client.close_session("s", 5)
    client.open_session("later", 6, "server", [])
    assert sent(client) == [("open", 0), ("label", 1), ("label", 2)]
    told(client, type="ack", session="s", stream=COMMANDS, next=2)
    assert sent(client) == []
    told(client, type="ack", session="s", stream=COMMANDS, next=3)
    assert sent(client) == [("close", 3), ("open", 0)]


def test_a_device_that_is_redirected_sends_no_more_and_all_of_it_at_the_other_place() -> None:
    client = recording(welcomed(credit=2))
    sent(client)
    word = told(client, type="redirect", url="ws://there")
    assert word == {"type": "redirect", "url": "ws://there"}
    told(client, type="ack", session="s", stream=COMMANDS, next=1)  # of what was in flight
    assert (client.is_welcome, sent(client)) == (False, [])
    client.hello()
    told(client, type="welcome", version=1, credit=32, models=[])
    assert sent(client) == [("label", 1), ("label", 2)]


def test_what_another_node_serves_by_now_comes_again() -> None:
    client = recording(welcomed())
    sent(client)
    message = refused(client, "not_owner", nr=0, retry=True)
    assert message is not None
    assert is_retry(message)
    client.retry()
    assert sent(client) == [("open", 0), ("label", 1), ("label", 2)]
    assert not client.refusals


def test_go_back_n_begins_where_the_server_says() -> None:
    client = recording(welcomed())
    sent(client)
    told(client, type="ack", session="s", stream=COMMANDS, next=1)
    for _ in range(2):
        assert refused(client, "out_of_order", nr=2, expected_nr=1, retry=True) is None
    assert sent(client) == [("label", 1), ("label", 2)]


def test_a_server_that_lost_what_it_acknowledged_ends_the_session_only() -> None:
    client = recording(welcomed())
    sent(client)
    told(client, type="ack", session="s", stream=COMMANDS, next=2)
    assert refused(client, "out_of_order", nr=2, expected_nr=0, retry=True) is not None
    assert client.is_idle
    assert [message["code"] for message in client.refusals] == ["out_of_order"]


def test_a_refusal_for_good_drops_the_session_once_and_keeps_it_dropped() -> None:
    client = recording(welcomed())
    sent(client)
    assert refused(client, "invalid_input", nr=1) is not None
    assert refused(client, "out_of_order", nr=2, expected_nr=1, retry=True) is None
    assert refused(client, "rejected", nr=2) is None
    client.label("s", 1, 2, "squat", 8, None)
    assert (client.is_idle, sent(client), len(client.refusals)) == (True, [], 1)


def test_a_session_whose_opening_was_not_written_comes_again_as_a_whole() -> None:
    """The write of `open` failed; what followed it meets a server that does not know the session."""
    client = recording(welcomed())
    sent(client)
    first = refused(client, "store_unavailable", nr=0, retry=True)
    second = refused(client, "rejected", nr=1)
    assert first is not None
    assert second is not None
    assert (is_retry(first), is_retry(second)) == (True, True)
    client.retry()
    assert sent(client) == [("open", 0), ("label", 1), ("label", 2)]
    assert not client.refusals


def test_a_session_that_the_server_has_forgotten_is_dropped() -> None:
    client = recording(welcomed())
    sent(client)
    told(client, type="ack", session="s", stream=COMMANDS, next=1)
    message = refused(client, "rejected", nr=1)
    assert message is not None
    assert not is_retry(message)
    assert client.is_idle


def test_refusals_are_bounded() -> None:
    client = welcomed()
    for _ in range(REFUSALS_MAX + 5):
        told(client, type="error", code="invalid_input", wrong="x", retry=False)
    assert len(client.refusals) == REFUSALS_MAX


def test_who_is_turned_away_is_told_why() -> None:
    with pytest.raises(NotAuthorised, match="expired; expected a token; get one"):
        told(
            DeviceClient("token", "watch-1"),
            type="error",
            code="not_authorised",
            wrong="expired",
            expected="a token",
            remedy="get one",
            retry=False,
        )


def test_an_offered_model_is_fetched_checked_and_used() -> None:
    client = welcomed(offer())
    assert not client.is_idle
    assert give(client) == {"type": "model_taken", "model": "gym-1"}
    assert client.model is not None
    assert (client.model.model_id, client.is_idle) == ("gym-1", True)
    told(client, type="model", **offer())
    assert sent(client) == []  # it is in use


def test_without_a_key_no_model_is_taken() -> None:
    client = DeviceClient("token", "watch-1")
    told(client, type="welcome", version=1, credit=1, models=[offer()])
    assert sent(client) == []


@pytest.mark.parametrize("size", [-1, 0, FILE_BYTES_MAX + 1, 2**63])
def test_a_model_of_no_sensible_size_is_not_fetched(size: int) -> None:
    assert sent(welcomed(offer(bytes=size))) == []


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        pytest.param(FILE, {"digest": "0" * 64}, id="other-digest"),
        pytest.param(encode(artefact()), {}, id="unsigned"),
        pytest.param(encode(artefact(), bytes(32)), {}, id="signed-by-another"),
        pytest.param(b"MUVRMODL\x02\x00" + FILE[10:], {}, id="newer-format"),
        pytest.param(FILE, {"bytes": 10}, id="longer-than-offered"),
        pytest.param(FILE[:-1], {"bytes": len(FILE)}, id="shorter-than-offered"),
    ],
)
def test_a_model_that_cannot_be_used_is_told_once_and_changes_nothing(
    file: bytes, changed: dict[str, Any]
) -> None:
    offered = offer(file, **changed)
    if offered["bytes"] == 10:
        offered["digest"] = "1" * 64
    client = welcomed(offered)
    word = give(client, file)
    assert word is not None
    assert (word["type"], word["model"], client.model, client.is_idle) == (
        "model_refused",
        "gym-1",
        None,
        True,
    )
    told(client, type="model", **offered)
    assert sent(client) == []  # not fetched over and over


def test_a_model_that_was_withdrawn_is_not_waited_for() -> None:
    client = welcomed(offer())
    sent(client)
    told(client, type="error", code="invalid_input", wrong="gone", retry=False, digest="another")
    assert not client.is_idle
    told(client, type="error", code="invalid_input", wrong="gone", retry=False, digest=offer()["digest"])
    assert client.is_idle


def test_parts_that_nobody_asked_for_are_passed_over() -> None:
    client = welcomed(offer())
    sent(client)
    for changed in ({"digest": "x"}, {"offset": 1}, {"offset": -1}):
        part = {"digest": offer()["digest"], "offset": 0, "total": 9, "data": b"x"} | changed
        assert told(client, type="model_part", **part) is None
    assert not client.is_idle
