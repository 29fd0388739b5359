"""The API's actor as a real process of a real actor system."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest
from thespian.actors import ActorExitRequest

from actors.messages import LiveUpdates, Started, StartFailed
from actors.node import actor_system
from domain.identifiers import UserId
from gateway.api.actor import ApiActor
from gateway.api.messages import StartApi
from gateway.auth import Tokens
from persistence.sqlite import SqliteStore
from tests.gateway.api_example import START_MS, encoded, fill, live, recognised

ASK_SECONDS_MAX = 30
EXIT_SECONDS_MAX = 30
KEY = b"k" * 32


def clock_s() -> float:
    """A clock that another process can import."""
    return START_MS / 1000


@pytest.fixture(scope="module")
def system() -> Iterator[Any]:
    system = actor_system(None)
    yield system
    system.shutdown()


def start_message(directory: Path, **changed: object) -> StartApi:
    message = StartApi(host="127.0.0.1", port=0, open_store=partial(SqliteStore, directory))
    return StartApi(**({name: getattr(message, name) for name in message.__dataclass_fields__} | changed))


@contextmanager
def started(system: Any, message: StartApi) -> Iterator[tuple[Any, str]]:
    actor = system.createActor(ApiActor)
    try:
        answer = system.ask(actor, message, ASK_SECONDS_MAX)
        assert isinstance(answer, Started), answer
        yield actor, f"http://127.0.0.1:{answer.port}"
    finally:
        system.tell(actor, ActorExitRequest())


def events_of(stream: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in stream.iter_lines():
        if line.startswith("data: "):
            yield msgspec.json.decode(line.removeprefix("data: "))


def test_it_serves_the_store_and_what_it_is_told(system: Any, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    fill(store)
    store.close()
    with (
        started(system, start_message(tmp_path)) as (actor, address),
        httpx.stream("GET", f"{address}/v1/live/events", timeout=ASK_SECONDS_MAX) as stream,
    ):
        events = events_of(stream)
        assert next(events)["users"] == []
        system.tell(actor, LiveUpdates(encoded([live("alice", recognised("s", START_MS, "squat", 5))])))
        (user,) = next(events)["users"]
        assert (user["user"], user["repetitions"]) == ("alice", 5)
        assert httpx.get(f"{address}/v1/live").json()["users"] == [user]
        assert httpx.get(f"{address}/health").json() == {"status": "ok"}
        assert len(httpx.get(f"{address}/v1/users").json()["items"]) == 2


def test_it_ends_open_streams_frees_its_port_and_leaves_no_process(system: Any, tmp_path: Path) -> None:
    with started(system, start_message(tmp_path)) as (actor, address):
        port = int(address.rpartition(":")[2])
        process = _listener(port)
        with httpx.stream("GET", f"{address}/v1/live/events", timeout=ASK_SECONDS_MAX) as stream:
            events = events_of(stream)
            next(events)
            system.tell(actor, ActorExitRequest())
            assert list(events) == []
        process.wait(EXIT_SECONDS_MAX)
        socket.create_server(("127.0.0.1", port)).close()


def test_a_taken_port_is_answered(system: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        actor = system.createActor(ApiActor)
        answer = system.ask(actor, start_message(tmp_path, port=port), ASK_SECONDS_MAX)
        assert isinstance(answer, StartFailed)
        assert f"127.0.0.1:{port}: Address already in use" in answer.message
        # The actor goes on and may be asked again.
        again = system.ask(actor, start_message(tmp_path), ASK_SECONDS_MAX)
        assert isinstance(again, Started)
        system.tell(actor, ActorExitRequest())


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"host": "0.0.0.0"}, "without tokens"),
        ({"host": "no.such.host.invalid"}, "without tokens"),
        ({"host": "no.such.host.invalid", "open_tokens": partial(Tokens, KEY, clock_s)}, "cannot listen"),
        ({"port": 70_000}, "cannot listen"),
        ({"open_store": partial(SqliteStore, Path("/dev/null/x"))}, "/dev/null/x"),
        ({"open_store": partial(SqliteStore)}, "TypeError"),
    ],
)
def test_what_cannot_be_served_is_answered(
    system: Any, tmp_path: Path, changed: dict[str, object], wrong: str
) -> None:
    actor = system.createActor(ApiActor)
    answer = system.ask(actor, start_message(tmp_path, **changed), ASK_SECONDS_MAX)
    assert isinstance(answer, StartFailed)
    assert wrong in answer.message
    system.tell(actor, ActorExitRequest())


def test_garbage_is_logged_and_harms_nothing(system: Any, tmp_path: Path) -> None:
    with started(system, start_message(tmp_path)) as (actor, address):
        system.tell(actor, LiveUpdates(b"\xc1 garbage"))
        system.tell(actor, "what is this")
        system.tell(actor, LiveUpdates(encoded([live("bob", recognised("s", START_MS, "squat", 1))])))
        with httpx.stream("GET", f"{address}/v1/live/events", timeout=ASK_SECONDS_MAX) as stream:
            seen = next(user for event in events_of(stream) for user in event["users"])
        assert seen["user"] == "bob"


def test_with_tokens_it_asks_for_them(system: Any, tmp_path: Path) -> None:
    message = start_message(tmp_path, open_tokens=partial(Tokens, KEY, clock_s))
    token = Tokens(KEY, clock_s).issue(UserId("alice"), "operator", 60)
    with started(system, message) as (_, address):
        assert httpx.get(f"{address}/v1/users").status_code == 401
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{address}/v1/users", headers=headers).status_code == 200


def _listener(port: int) -> psutil.Process:
    """The process that listens at `port`."""
    pid = next(
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
    )
    return psutil.Process(pid)
