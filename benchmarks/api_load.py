"""The API's load generator: requests at fixed times, whatever the server does, and how long each took.

Reads its job from stdin as JSON, prints its figures as JSON. Loopback only.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
import uvloop

TIMEOUT_SECONDS = 30.0
CONNECTIONS = 64


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


async def run(job: Job) -> dict[str, object]:
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    address = f"http://127.0.0.1:{job.port}"
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=TIMEOUT_SECONDS) as client:
        reads, writes = Timings(), Timings()
        await asyncio.gather(
            _pace(client, job, reads, job.reads_hz, is_write=False),
            _pace(client, job, writes, job.writes_hz, is_write=True),
        )
    return {"reads": _figures(reads), "writes": _figures(writes)}


async def _pace(client: httpx.AsyncClient, job: Job, timings: Timings, hz: float, *, is_write: bool) -> None:
    begun = time.perf_counter()
    measured_from = begun + job.warm_up_seconds
    end, users = measured_from + job.seconds, list(job.tokens)
    async with asyncio.TaskGroup() as tasks:
        for number in range(int((end - begun) * hz)):
            due = begun + number / hz
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            user = users[number % len(users)]
            request = _request(user, job.tokens[user], number, is_write=is_write)
            tasks.create_task(_send(client, request, timings, due, is_measured=due >= measured_from))


def _request(user: str, token: str, number: int, *, is_write: bool) -> httpx.Request:
    headers = {"Authorization": f"Bearer {token}"}
    if is_write:
        body = {"quantity": "body_weight_kg", "value": 70 + number % 100 / 10, "at_ms": 10**12 + number}
        return httpx.Request("POST", f"/v1/users/{user}/measurements", json=body, headers=headers)
    paths = ("sessions", "measurements", "profile", "records")
    return httpx.Request("GET", f"/v1/users/{user}/{paths[number % len(paths)]}", headers=headers)


async def _send(
    client: httpx.AsyncClient, request: httpx.Request, timings: Timings, due: float, *, is_measured: bool
) -> None:
    try:
        answer = await client.request(
            request.method, request.url.path, content=request.content, headers=request.headers
        )
        status = str(answer.status_code)
    except httpx.HTTPError as error:
        status = type(error).__name__
    timings.statuses[status] += 1
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
