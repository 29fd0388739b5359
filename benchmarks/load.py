"""The load generator: many devices in one process of its own, frames sent and acknowledgements timed.

Reads its job from stdin as JSON, prints its figures as JSON. Frames are encoded beforehand, but for their
number, so that the generator costs little beside what it measures. Loopback only.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from functools import partial

import msgpack
import uvloop
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

SESSION_START_MS = 1_750_000_000_000
SETTLE_SECONDS = 10.0
REPEAT_SECONDS = 0.2
BACKOFF_SECONDS = (0.1, 5.0)
OPEN_SECONDS = 10.0
CONNECTING_MAX = 50  # at a time


@dataclass(frozen=True)
class Job:
    """`rate_hz` frames per second and device at fixed times; 0 keeps `window` frames unacknowledged.

    The server sends back all that it gets if it `is_echo`, and speaks the device protocol otherwise.
    """

    port: int
    tokens: list[str]
    rate_hz: float
    window: int
    seconds: float
    warm_up_seconds: float
    samples: int
    is_echo: bool = False
    name: str = "bench"  # of the devices and their sessions


@dataclass
class Timings:
    """Seconds from frame to acknowledgement, of frames sent after the warm-up."""

    measured_from: float = 0.0
    latencies: list[float] = field(default_factory=list)
    connect_s: float = 0.0  # until the last one had a session open
    sent: int = 0
    acknowledged: int = 0
    acknowledged_measured: int = 0
    errors: list[str] = field(default_factory=list)
    repeated: int = 0


class Device(WSListener):
    def __init__(self, number: int, token: str, job: Job, timings: Timings) -> None:
        self._session = f"{job.name}-{number}"
        self._token = token
        self._timings = timings
        self._transport: WSTransport | None = None
        self._sent_at: list[float] = []
        self._acknowledged = 0
        self._window = 0
        self._is_repeating = False
        self.is_open = asyncio.get_running_loop().create_future()
        self._prefix, self._suffix = _frame_parts(self._session, job.samples, number)

    @property
    def outstanding(self) -> int:
        return len(self._sent_at) - self._acknowledged

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        hello = {"type": "hello", "version": 1, "token": self._token, "device": self._session}
        transport.send(WSMsgType.BINARY, msgpack.packb(hello))
        self._open()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        message = msgpack.unpackb(frame.get_payload_as_bytes())
        if message["type"] == "ack" and message["stream"] == "a":
            self._take(message["next"])
        elif message["type"] == "ack" and not self.is_open.done():
            self.is_open.set_result(None)
        elif message["type"] == "error" and message["retry"]:
            self._repeat_soon()
        elif message["type"] == "error":
            self._timings.errors.append(message["wrong"])

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._timings.errors.append("disconnected")

    def keep(self, window: int) -> None:
        """Keep `window` frames unacknowledged from now on."""
        self._window = window
        self._fill()

    def send(self) -> None:
        """The next frame; what it waits counts from now, also if it must be sent again."""
        self._sent_at.append(time.perf_counter())
        self._timings.sent += 1
        self._send(len(self._sent_at) - 1)

    def _open(self) -> None:
        assert self._transport is not None
        opening = {"type": "open", "session": self._session, "nr": 0, "at_ms": SESSION_START_MS}
        message = {**opening, "recogniser": "server", "streams": [["a", "a", "wrist"]]}
        self._transport.send(WSMsgType.BINARY, msgpack.packb(message))

    def _repeat_soon(self) -> None:
        """Send all that is unacknowledged again, once for all the refusals of a moment."""
        if not self._is_repeating:
            self._is_repeating = True
            self._timings.repeated += 1
            asyncio.get_running_loop().call_later(REPEAT_SECONDS, self._repeat)

    def _repeat(self) -> None:
        self._is_repeating = False
        if not self.is_open.done():
            self._open()
        for number in range(self._acknowledged, len(self._sent_at)):
            self._send(number)

    def _send(self, number: int) -> None:
        assert self._transport is not None
        start_ms = SESSION_START_MS + number * 2000
        body = b"\xa2nr" + msgpack.packb(number) + b"\xa8start_ms" + msgpack.packb(start_ms)
        self._transport.send(WSMsgType.BINARY, self._prefix + body + self._suffix)

    def _fill(self) -> None:
        while self.outstanding < self._window:
            self.send()

    def _take(self, next_number: int) -> None:
        now, timings = time.perf_counter(), self._timings
        for number in range(self._acknowledged, next_number):
            timings.acknowledged += 1
            if self._sent_at[number] >= timings.measured_from:
                timings.latencies.append(now - self._sent_at[number])
            if now >= timings.measured_from:
                timings.acknowledged_measured += 1
        self._acknowledged = max(self._acknowledged, next_number)
        if self._window:
            self._fill()


class EchoDevice(Device):
    """What comes back counts as acknowledged; the first is its hello."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if not self.is_open.done():
            self.is_open.set_result(None)
        elif self.outstanding:
            self._take(self._acknowledged + 1)


async def run(job: Job) -> dict[str, object]:
    """Connect every device, send for the job's time, wait for what is on its way."""
    timings = Timings(measured_from=float("inf"))
    came, places = time.perf_counter(), asyncio.Semaphore(CONNECTING_MAX)
    connecting = (_connected(number, job, timings, places) for number in range(len(job.tokens)))
    devices = await asyncio.wait_for(asyncio.gather(*connecting), 120)
    await asyncio.wait_for(asyncio.gather(*(device.is_open for device in devices)), 60)
    begun = time.perf_counter()
    timings.connect_s = begun - came
    timings.measured_from = begun + job.warm_up_seconds
    end = timings.measured_from + job.seconds
    if job.rate_hz:
        await asyncio.gather(*(_pace(device, n, job, begun, end) for n, device in enumerate(devices)))
    else:
        for device in devices:
            device.keep(job.window)
        await asyncio.sleep(end - begun)
        for device in devices:
            device.keep(0)
    measured_s = time.perf_counter() - timings.measured_from
    acknowledged = timings.acknowledged_measured
    await _settle(devices)
    return _figures(timings, acknowledged, measured_s)


async def _connected(number: int, job: Job, timings: Timings, places: asyncio.Semaphore) -> Device:
    """A device that tries as docs/protocol.md says until it has shaken hands."""
    make = partial(EchoDevice if job.is_echo else Device, number, job.tokens[number], job, timings)
    pause_s, longest_s = BACKOFF_SECONDS
    async with places:
        while True:
            try:
                url = f"ws://127.0.0.1:{job.port}/"
                _, device = await ws_connect(make, url, websocket_handshake_timeout=OPEN_SECONDS)
                if isinstance(device, Device):  # else it was hung up during the handshake
                    return device
            except (OSError, WSError):  # turned away, or not answered in time
                pass
            await asyncio.sleep(pause_s)
            pause_s = min(longest_s, 2 * pause_s)


async def _pace(device: Device, number: int, job: Job, begun: float, end: float) -> None:
    """Send at fixed times whatever the server does (open loop), devices spread over the period."""
    due = begun + number / len(job.tokens) / job.rate_hz
    while due < end:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        device.send()
        due += 1 / job.rate_hz


async def _settle(devices: list[Device]) -> None:
    deadline = time.perf_counter() + SETTLE_SECONDS
    while any(device.outstanding for device in devices) and time.perf_counter() < deadline:
        await asyncio.sleep(0.02)


def _frame_parts(session: str, samples: int, seed: int) -> tuple[bytes, bytes]:
    """A frame message before and after its number and time."""
    packed = {
        "type": "frame",
        "session": session,
        "stream": "a",
        "sensor": "a",
        "rate_hz": 50.0,
        "scale": 0.0005,
        "samples": os.urandom(2 * samples),
    }
    body = b"".join(msgpack.packb(key) + msgpack.packb(value) for key, value in packed.items())
    return bytes([0x80 | (len(packed) + 2)]), body


def _figures(timings: Timings, acknowledged: int, measured_s: float) -> dict[str, object]:
    latencies = sorted(timings.latencies)

    def quantile_ms(share: float) -> float:
        return round(1000 * latencies[int(share * (len(latencies) - 1))], 2) if latencies else float("nan")

    return {
        "frames_per_s": round(acknowledged / measured_s, 1),
        "connect_s": round(timings.connect_s, 2),
        "p50_ms": quantile_ms(0.5),
        "p99_ms": quantile_ms(0.99),
        "max_ms": quantile_ms(1.0),
        "sent": timings.sent,
        "acknowledged": timings.acknowledged,
        "repeated": timings.repeated,
        "errors": len(timings.errors),
        "first_error": timings.errors[0] if timings.errors else None,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(Job(**json.load(sys.stdin))))))
