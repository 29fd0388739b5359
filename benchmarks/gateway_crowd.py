"""Many devices in one process that say hello and then only listen; they connect again as the protocol says.

Reads its job from stdin, prints a line when all are welcome and one when all are again, after they lost their
connections. Those from whom the server heard nothing answer its pings.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

import msgpack
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

ADDRESSES = 16  # of 127.0.0.0/8, so that no address is a crowd of strangers, nor short of ports
BACKOFF_SECONDS = (0.1, 5.0)  # docs/protocol.md: first and longest
OPEN_SECONDS = 3.0


@dataclass(frozen=True)
class Job:
    """Devices with these tokens connect at times spread over `spread_s`; `number` is that of the process."""

    port: int
    tokens: list[str]
    number: int
    spread_s: float


class _Listener(WSListener):
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.is_welcome = loop.create_future()
        self.is_over = loop.create_future()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            if msgpack.unpackb(frame.get_payload_as_bytes())["type"] == "welcome":
                self.is_welcome.set_result(None)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.is_over.set_result(None)


class Device:
    def __init__(self, number: int, token: str, job: Job, rng: random.Random) -> None:
        self._number = number
        self._job = job
        self._rng = rng
        hello = {"type": "hello", "version": 1, "token": token, "device": f"idle-{number}"}
        self._hello = msgpack.packb(hello)
        self._address = f"127.0.{1 + job.number}.{1 + number % ADDRESSES}"
        self.attempts = 0
        self.listener: _Listener | None = None

    async def begin(self) -> None:
        await asyncio.sleep(self._rng.uniform(0, self._job.spread_s))
        await self._connect()

    async def again(self) -> float:
        """Seconds from the loss of the connection to the next welcome."""
        assert self.listener is not None
        await self.listener.is_over
        lost_s, self.attempts = time.monotonic(), 0
        await self._pause()
        await self._connect()
        return time.monotonic() - lost_s

    async def _connect(self) -> None:
        while not await self._attempt():
            await self._pause()

    async def _attempt(self) -> bool:
        self.attempts += 1
        try:
            transport, listener = await ws_connect(
                _Listener,
                f"ws://127.0.0.1:{self._job.port}/",
                websocket_handshake_timeout=OPEN_SECONDS,
                local_addr=(self._address, 0),
                read_buffer_init_size=2048,
            )
        except Exception:  # refused, reset, timed out, or HTTP 503: all the same to a device
            return False
        if not isinstance(listener, _Listener):  # hung up during the handshake
            return False
        self.listener = listener
        transport.send(WSMsgType.BINARY, self._hello)
        await asyncio.wait({listener.is_welcome, listener.is_over}, return_when=asyncio.FIRST_COMPLETED)
        return listener.is_welcome.done()

    async def _pause(self) -> None:
        first, longest = BACKOFF_SECONDS
        failures = max(0, self.attempts - 1)
        await asyncio.sleep(min(longest, first * 2.0**failures) * self._rng.uniform(0.5, 1.0))


async def main(job: Job) -> None:
    rng = random.Random(job.number)
    devices = [Device(number, token, job, rng) for number, token in enumerate(job.tokens)]
    await asyncio.gather(*(device.begin() for device in devices))
    _say({"what": "welcomed", "welcome": len(devices)})
    seconds = await asyncio.gather(*(device.again() for device in devices))
    attempts = sum(device.attempts for device in devices)
    _say({"what": "storm", "seconds": [round(each, 4) for each in seconds], "attempts": attempts})
    await asyncio.Event().wait()


def _say(figures: dict[str, Any]) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(main(Job(**json.loads(sys.stdin.readline()))))
