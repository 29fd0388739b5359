"""A device written from docs/protocol.md alone, with websockets and msgpack; it knows nothing else of muvr.

It keeps what it recorded until that is acknowledged, numbers each stream, keeps within its credit, goes back
when it is told to, follows redirects, and fetches the model it is offered.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import struct
from collections import deque
from contextlib import suppress
from typing import Any

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

COMMANDS = ""
WAIT_S = 0.1
WAIT_MAX_S = 5.0
REDIRECTS_MAX = 5
RETRY_S = 0.2
POLL_SECONDS = 0.01


class GaveUp(Exception):
    """The server turned the device away, or refuses what it recorded for good."""


class Sending:
    """One recorded message of a stream."""

    def __init__(self, key: tuple[str, str, str], nr: int, data: bytes) -> None:
        self.key = key
        self.nr = nr
        self.data = data


class Device:
    """One user's, or with `users` a gateway of many."""

    def __init__(self, url: str, token: str, name: str, *, more_urls: tuple[str, ...] = ()) -> None:
        self.urls = [url, *more_urls]
        self.url = url
        self.hello = {"type": "hello", "version": 1, "token": token, "device": name}
        self.next_nr: dict[tuple[str, str, str], int] = {}
        self.acked: dict[tuple[str, str, str], int] = {}
        self.waiting: deque[Sending] = deque()  # not sent on this connection
        self.flying: list[Sending] = []  # sent, and not acknowledged
        self.went_back: dict[tuple[str, str, str], int] = {}
        self.heard: list[dict[str, Any]] = []
        self.offers: dict[str, dict[str, Any]] = {}
        self.model: bytes | None = None
        self.welcomes: list[str] = []  # the addresses that said so
        self.redirects: list[str] = []
        self.closes: list[int | None] = []
        self._over = asyncio.Event()
        self._credit = 0
        self._user_credit = 0
        self._socket: ClientConnection | None = None
        self._stir = asyncio.Event()
        self._repeat_at: float | None = None
        self._target: str | None = None
        self._wait_s = 0.0
        self._fetching: dict[str, Any] | None = None
        self._fetched = b""

    def record(self, kind: str, session: str, stream: str = COMMANDS, user: str = "", **fields: Any) -> None:
        """Number a message in its stream; it is sent when it may be."""
        key = (user, session, stream)
        nr = self.next_nr.get(key, 0)
        self.next_nr[key] = nr + 1
        message = {"type": kind, "session": session, "nr": nr, **fields}
        message |= {"user": user} if user else {}
        message |= {"stream": stream} if kind == "frame" else {}
        self.waiting.append(Sending(key, nr, msgpack.packb(message)))
        self._stir.set()

    def frame(self, session: str, stream: str, second: int, user: str = "", samples: int = 50) -> None:
        """A second of an accelerometer that shows how far it is from nothing."""
        values = [second % 100, -(second % 100), 16000] * samples
        self.record(
            "frame",
            session,
            stream,
            user,
            sensor="a",
            start_ms=1_700_000_000_000 + 1000 * second,
            rate_hz=float(samples),
            scale=16 / 32767,
            samples=struct.pack(f"<{len(values)}h", *values),
        )

    @property
    def is_idle(self) -> bool:
        return not self.waiting and not self.flying

    async def until(self, condition: Any) -> None:
        while not condition():
            await asyncio.sleep(POLL_SECONDS)

    def fetch(self, digest: str) -> None:
        self._fetching, self._fetched = self.offers[digest], b""
        self._ask()

    def cut(self) -> None:
        """The network is gone, without a word."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def run(self) -> None:
        failures = redirects = 0
        while not self._over.is_set():
            welcomed_before = len(self.welcomes)
            with suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                await self._connection()
            was_welcome = len(self.welcomes) > welcomed_before
            target, self._target = self._target, None
            wait_s, self._wait_s = self._wait_s, 0.0
            self._credit = 0
            self.waiting.extendleft(reversed(self.flying))
            self.flying, self._repeat_at = [], None
            self.went_back.clear()
            self._fetching = None
            failures = 0 if was_welcome else failures + 1
            redirects = 0 if was_welcome else redirects
            if target is not None and redirects < REDIRECTS_MAX:
                redirects += 1
                self.url = target
            else:
                if not was_welcome or (self.closes and self.closes[-1] in (1001, 1012)):
                    place = self.urls.index(self.url) + 1 if self.url in self.urls else 0
                    self.url = self.urls[place % len(self.urls)]
                wait_s += min(WAIT_MAX_S, WAIT_S * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1)
            await self._pause(wait_s)

    async def stop(self) -> None:
        self._over.set()
        self._stir.set()
        if self._socket is not None:
            await self._socket.close()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), max(0.0, seconds))

    async def _connection(self) -> None:
        async with connect(self.url, compression=None, proxy=None, open_timeout=3) as socket:
            self._socket = socket
            await socket.send(msgpack.packb(self.hello))
            sender = asyncio.create_task(self._send(socket))
            try:
                async for data in socket:
                    self._take(msgpack.unpackb(data))
                    if self._target is not None and "user" not in self.heard[-1]:
                        break
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
                self._socket = None
                await socket.close()
                self.closes.append(socket.close_code)

    async def _send(self, socket: ClientConnection) -> None:
        while True:
            self._stir.clear()
            while self._credit and self.waiting and len(self.flying) < self._credit and not self._repeat_at:
                sending = self.waiting.popleft()
                if sending.nr < self.acked.get(sending.key, 0):
                    continue
                self.flying.append(sending)
                await socket.send(sending.data)
            if self._repeat_at is None:
                await self._stir.wait()
                continue
            await self._pause(self._repeat_at - asyncio.get_running_loop().time())
            self._repeat_at = None
            self._again(self.flying)

    def _again(self, those: list[Sending]) -> None:
        """In the order in which they were recorded, before all that was not sent."""
        self.flying = [each for each in self.flying if each not in those]
        self.waiting.extendleft(reversed(those))
        self._stir.set()

    def _take(self, message: dict[str, Any]) -> None:
        self.heard.append(message)
        match message["type"]:
            case "welcome":
                self._credit = message["credit"]
                self.welcomes.append(self.url)
                for offer in message["models"]:
                    self.offers[offer["digest"]] = offer
                self._stir.set()
            case "model":
                self.offers[message["digest"]] = message
            case "redirect" if "user" not in message:
                self._target = message["url"]
                self._wait_s = message.get("wait_ms", 0) / 1000
                self.redirects.append(message["url"])
            case "leaving":
                self._wait_s = message["wait_ms"] / 1000
            case "ack":
                self._acknowledged(message)
            case "model_part":
                self._part(message)
            case "error":
                self._refused(message)

    def _acknowledged(self, message: dict[str, Any]) -> None:
        for user in (message["user"], ""):
            key = (user, message["session"], message["stream"])
            if key in self.next_nr:
                self.acked[key] = max(self.acked.get(key, 0), message["next"])
                self.went_back.pop(key, None)
        self.flying = [each for each in self.flying if each.nr >= self.acked.get(each.key, 0)]
        self._stir.set()

    def _refused(self, message: dict[str, Any]) -> None:
        if message["code"] == "not_authorised":
            raise GaveUp(message["wrong"])
        ours = [key for key in self.next_nr if key[1] == message.get("session")]
        if message.get("session") is not None and not ours:
            return
        expected = message.get("expected_nr")
        if expected is not None:
            for key in ours:
                if key[2] != message["stream"] or key[0] not in ("", message["user"]):
                    continue
                if self.went_back.get(key) != expected:
                    self.went_back[key] = expected
                    self._again([each for each in self.flying if each.key == key])
        elif message["retry"] or message["code"] == "rejected":
            self._repeat_at = self._repeat_at or asyncio.get_running_loop().time() + RETRY_S
            self._stir.set()
        else:
            raise GaveUp(f"{message['code']}: {message['wrong']}")

    def _ask(self) -> None:
        assert self._fetching is not None
        assert self._socket is not None
        asked = {"type": "get_model", "digest": self._fetching["digest"], "offset": len(self._fetched)}
        task = asyncio.ensure_future(self._socket.send(msgpack.packb(asked)))
        task.add_done_callback(lambda done: done.exception())

    def _part(self, message: dict[str, Any]) -> None:
        if self._fetching is None or message["offset"] != len(self._fetched):
            return
        self._fetched += message["data"]
        if len(self._fetched) < self._fetching["bytes"]:
            self._ask()
            return
        right = hashlib.sha256(self._fetched).hexdigest() == self._fetching["digest"]
        right = right and hashlib.sha256(self._fetched[:-32]).digest() == self._fetched[-32:]
        self.model, self._fetching = (self._fetched if right else None), None
