"""The API's load generator: requests at fixed times, whatever the server does, and how long each took.

Reads its job from stdin as JSON, prints its figures as JSON. Loopback only.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import uvloop

CONNECTIONS = 32
PATHS = ("sessions", "measurements", "profile", "records")  # of a user, that are read in turn


@dataclass(frozen=True)
class Job:
    """`reads_hz` and `writes_hz` requests per second, spread over the users of `tokens`, by name."""

    port: int
    tokens: dict[str, str]
    reads_hz: float
    writes_hz: float
    seconds: float
    warm_up_seconds: float


@dataclass
class Timings:
    """Seconds from when a request was due to its answer, after the warm-up; and what was answered."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


class Connection:
    """One that stays; HTTP/1.1 as far as the API speaks it, as client libraries cost more than that."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, request: bytes) -> str:
        """The status of the answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if length is not None:
            await self._reader.readexactly(int(length.group(1)))
        return head.split(b" ", 2)[1].decode()


async def run(job: Job) -> dict[str, object]:
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(*await asyncio.open_connection("127.0.0.1", job.port)))
    reads, writes = Timings(), Timings()
    await asyncio.gather(
        _pace(free, job, reads, job.reads_hz, is_write=False),
        _pace(free, job, writes, job.writes_hz, is_write=True),
    )
    return {"reads": _figures(reads), "writes": _figures(writes)}


async def _pace(
    free: asyncio.Queue[Connection], job: Job, timings: Timings, hz: float, *, is_write: bool
) -> None:
    begun = time.perf_counter()
    measured_from = begun + job.warm_up_seconds
    end, users = measured_from + job.seconds, list(job.tokens)
    async with asyncio.TaskGroup() as tasks:
        for number in range(int((end - begun) * hz)):
            due = begun + number / hz
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            user = users[number % len(users)]
            request = _request(user, job.tokens[user], number, is_write=is_write)
            tasks.create_task(_send(free, request, timings, due, is_measured=due >= measured_from))


def _request(user: str, token: str, number: int, *, is_write: bool) -> bytes:
    method, path, body = "GET", PATHS[number % len(PATHS)], ""
    if is_write:
        content = {"quantity": "body_weight_kg", "value": 70 + number % 100 / 10, "at_ms": 10**12 + number}
        method, path, body = "POST", "measurements", json.dumps(content)
    lines = (
        f"{method} /v1/users/{user}/{path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def _send(
    free: asyncio.Queue[Connection], request: bytes, timings: Timings, due: float, *, is_measured: bool
) -> None:
    connection = await free.get()
    timings.statuses[await connection.send(request)] += 1
    free.put_nowait(connection)
    if is_measured:
        timings.seconds.append(time.perf_counter() - due)


def _figures(timings: Timings) -> dict[str, object]:
    ordered = sorted(timings.seconds)

    def quantile_ms(share: float) -> float:
        return round(1000 * ordered[int(share * (len(ordered) - 1))], 2) if ordered else float("nan")

    return {
        "count": len(ordered),
        "p50_ms": quantile_ms(0.5),
        "p99_ms": quantile_ms(0.99),
        "max_ms": quantile_ms(1.0),
        "statuses": dict(timings.statuses),
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(Job(**json.load(sys.stdin))))))
