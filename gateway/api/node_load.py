"""How much this node takes, and how long it needs: read from the pages in which its processes count."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from telemetry import metrics
from telemetry.kinds import CounterCell, HistogramCell, Metric
from telemetry.pages import Page, node_directory, pages
from telemetry.readings import Observed, observed, value

LOOK_SECONDS = 10.0
LOOKS_KEPT = 2  # a report tells of the time since the oldest of them
SHARE = 0.99


@dataclass(frozen=True, kw_only=True)
class HostLoad:
    """A shard host of this node, over the report's `seconds`.

    Of the commands that it took: how long one waited on average from when it was read until the host began
    with it; and what a write took on average until it was durable. None if there was none. `users` are live.
    """

    member: str
    running: bool
    users: int
    shards: int
    commands: int
    wait_ms_mean: float | None
    durable_ms_mean: float | None


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """Of `seconds`, up to now: how long messages needed from being read to their answer, which is durable.

    `answer_ms_within` is what 99 of 100 kept to, as a bound of the metric's buckets. None if there was no
    answer. `waiting` messages wait for a shard host, `batches` are with one.
    """

    seconds: float
    frames: int
    answered: int
    answer_ms_mean: float | None
    answer_ms_within: float | None
    waiting: int
    batches: int
    hosts: list[HostLoad]


@dataclass(frozen=True)
class _Look:
    at_s: float
    pages: tuple[Page, ...]


class NodeLoad:
    """`look` now and then; `report` may be called from any thread. `member_ids` are this node's shard hosts.

    Where no node counts, a report is empty.
    """

    def __init__(self, member_ids: Sequence[str] = (), now_s: Callable[[], float] = time.monotonic) -> None:
        self._member_ids = sorted(member_ids)
        self._now_s = now_s
        self._looks: deque[_Look] = deque(maxlen=LOOKS_KEPT)

    def look(self) -> None:
        """Keep how things stand now, for reports to come."""
        self._looks.append(self._current())

    def report(self) -> LoadReport:
        """What happened since an earlier look; without one, nothing is said to have happened."""
        now = self._current()
        earlier = next(iter(tuple(self._looks)), now)
        answers = _seconds(metrics.ACKNOWLEDGEMENT, now.pages, earlier.pages)
        running = _running(now.pages)
        return LoadReport(
            seconds=now.at_s - earlier.at_s,
            frames=int(_counted(metrics.FRAMES, now.pages) - _counted(metrics.FRAMES, earlier.pages)),
            answered=int(answers.count),
            answer_ms_mean=_ms(answers.mean),
            answer_ms_within=_ms(answers.within(SHARE)),
            waiting=int(value(metrics.MESSAGES_WAITING.of(), running)),
            batches=int(value(metrics.BATCHES_IN_FLIGHT.of(), running)),
            hosts=[_host(member, now, earlier) for member in self._member_ids],
        )

    def _current(self) -> _Look:
        directory = node_directory()
        found = () if directory is None else tuple(pages(directory, metrics.DECLARED.layout()))
        return _Look(self._now_s(), found)


def _host(member: str, now: _Look, earlier: _Look) -> HostLoad:
    role = member.rpartition("/")[2]
    mine = [page for page in now.pages if page.role == role]
    before = [page for page in earlier.pages if page.role == role]
    running = _running(mine)
    waits = _seconds(metrics.HOST_WAIT, mine, before)
    writes = [_seconds(metrics.STORE_SECONDS, mine, before, kind, "write") for kind in metrics.BACKENDS]
    written = next((each for each in writes if each.count), writes[0])
    return HostLoad(
        member=member,
        running=bool(running),
        users=int(value(metrics.SESSION_ACTORS.of(), running)),
        shards=int(value(metrics.SHARDS_HELD.of(), running)),
        commands=int(waits.count),
        wait_ms_mean=_ms(waits.mean),
        durable_ms_mean=_ms(written.mean),
    )


def _running(found: Sequence[Page]) -> list[Page]:
    """How things stand with a process that is gone does not count."""
    return [page for page in found if page.process is not None]


def _counted(metric: Metric[CounterCell], found: Sequence[Page]) -> float:
    return value(metric.of(), found)


def _seconds(
    metric: Metric[HistogramCell], now: Sequence[Page], earlier: Sequence[Page], *labels: str
) -> Observed:
    """What was observed in between."""
    cell = metric.of(*labels)
    return observed(cell, now).since(observed(cell, earlier))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
