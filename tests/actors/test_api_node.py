"""The API of a whole node: what is said survives the death of a shard host, who is shut out is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import msgpack
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from cli.settings import NodeSettings
from cli.wiring import RunningNode, open_tokens, running_node
from domain.identifiers import UserId
from persistence.location import open_store
from persistence.profile_tables import MEASUREMENT_BY_USER
from persistence.tables import JOURNAL, SENSOR, SESSION_BY_USER
from tests.actors.helpers import DEADLINE_SECONDS
from tests.actors.test_node_faults import process_of

WRITES = 40
PATH = "/v1/users/alice/measurements"


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    return NodeSettings(data=tmp_path, gateway_port=0, api_port=0, night_cron=None, shard_hosts=1)


@pytest.fixture
def node(settings: NodeSettings) -> Iterator[RunningNode]:
    with running_node(settings) as running:
        yield running


@pytest.fixture
def client(settings: NodeSettings, node: RunningNode) -> Iterator[httpx.Client]:
    token = open_tokens(settings).issue(UserId("alice"), "user", 600)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{node.api_port}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=DEADLINE_SECONDS,
    ) as client:
        yield client


def test_writes_are_stored_once_though_the_shard_host_dies(
    settings: NodeSettings, node: RunningNode, client: httpx.Client
) -> None:
    def write(number: int) -> int:
        """As a client does that may send again what was not done."""
        body = {"quantity": "body_weight_kg", "value": 70.0 + number, "at_ms": 1_700_000_000_000 + number}
        while True:
            answer = client.post(PATH, json=body, headers={"Idempotency-Key": f"k-{number}"})
            if answer.status_code != 503:
                return answer.status_code
            assert answer.json()["retry"] is True

    assert write(0) == 201
    with ThreadPoolExecutor(4) as pool:
        first = [pool.submit(write, number) for number in range(1, WRITES // 2)]
        process_of(node, "ShardHostActor").kill()
        rest = [pool.submit(write, number) for number in range(WRITES // 2, WRITES)]
        assert {each.result() for each in (*first, *rest)} == {201}
    store = open_store(settings.store_location)
    values = [row.value for row in store.scan(MEASUREMENT_BY_USER)]
    events = {(row.persistence_id, row.sequence_nr) for row in store.scan(JOURNAL)}
    store.close()
    assert sorted(values) == [70.0 + number for number in range(WRITES)]
    assert len(events) == WRITES


def test_a_device_is_let_in_by_a_code_and_cut_off_when_it_is_shut_out(
    node: RunningNode, client: httpx.Client
) -> None:
    code = client.post("/v1/users/alice/pairings", json={"scope": "device"}).json()["code"]
    exchanged = httpx.post(
        f"{client.base_url}/v1/pairings/exchange".replace("//v1", "/v1"),
        json={"code": code, "device": "watch"},
        timeout=DEADLINE_SECONDS,
    )
    hello = {"type": "hello", "version": 1, "token": exchanged.json()["access_token"], "device": "watch"}
    with connect(f"ws://127.0.0.1:{node.gateway_port}", proxy=None) as watch:
        watch.send(msgpack.packb(hello))
        assert answered(watch.recv())["type"] == "welcome"
        (device,) = client.get("/v1/users/alice/devices").json()["items"]
        assert client.delete(f"/v1/users/alice/devices/{device['login']}").status_code == 204
        with pytest.raises(ConnectionClosed, match="good no more"):
            watch.recv(timeout=DEADLINE_SECONDS)
    with connect(f"ws://127.0.0.1:{node.gateway_port}", proxy=None) as watch:
        watch.send(msgpack.packb(hello))
        assert answered(watch.recv())["code"] == "not_authorised"


def test_a_session_is_deleted_while_a_device_sends_and_nothing_comes_back(
    settings: NodeSettings, node: RunningNode, client: httpx.Client
) -> None:
    token = open_tokens(settings).issue(UserId("alice"), "device", 600)

    def frame(number: int) -> dict[str, Any]:
        start_ms = 1_790_000_000_000 + 1000 * number
        sample = {"sensor": "h", "start_ms": start_ms, "rate_hz": 1.0, "scale": 1.0, "samples": b"\x3c\0"}
        return {"type": "frame", "session": "s", "stream": "h", "nr": number, **sample}

    def send(message: dict[str, Any]) -> None:
        watch.send(msgpack.packb(message))

    with connect(f"ws://127.0.0.1:{node.gateway_port}", proxy=None) as watch:
        send({"type": "hello", "version": 1, "token": token, "device": "watch"})
        begin = {"at_ms": 1_790_000_000_000, "recogniser": "server", "streams": [["h", "h", "chest"]]}
        send({"type": "open", "session": "s", "nr": 0, **begin})
        for number in range(3):
            send(frame(number))
        awaited(watch, lambda message: message.get("type") == "ack" and message.get("next") == 3)
        deleted = client.delete("/v1/users/alice/sessions/s")
        assert deleted.status_code == 204
        send(frame(3))
        refused = awaited(watch, lambda message: message["type"] == "error")
        assert (refused["code"], refused["retry"], refused["session"]) == ("deleted", False, "s")
        process_of(node, "ShardHostActor").kill()
        refused = {"retry": True}
        while refused["retry"]:  # until the next shard host serves alice
            send(frame(4))
            refused = awaited(watch, lambda message: message.get("nr") == 4)
        assert refused["code"] == "deleted"
    assert client.get("/v1/users/alice/sessions/s").status_code == 404
    store = open_store(settings.store_location)
    left = [*store.scan(SENSOR), *store.scan(SESSION_BY_USER)]
    store.close()
    assert not left


def awaited(watch: ClientConnection, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first such message."""
    while not is_it(message := answered(watch.recv(timeout=DEADLINE_SECONDS))):
        pass
    return message


def answered(data: str | bytes) -> dict[str, Any]:
    assert isinstance(data, bytes)
    message: dict[str, Any] = msgpack.unpackb(data)
    return message
