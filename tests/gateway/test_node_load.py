"""What a node takes and how long it needs, out of what its processes count."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.api.node_load import NodeLoad
from telemetry import metrics
from telemetry.readings import Observed

MEMBER = "node-1/shard-host-0"


class Clock:
    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.usefixtures("counting_as_host")
def test_a_report_tells_of_the_time_since_an_earlier_look() -> None:
    clock = Clock()
    load = NodeLoad([MEMBER], clock)
    metrics.FRAMES.of().add(1_000)  # before the first look
    load.look()
    clock.now_s += 10
    metrics.FRAMES.of().add(30)
    metrics.HOST_WAIT.of().observe_all([0.002, 0.004])
    metrics.STORE_SECONDS.of("sqlite", "write").observe(0.006)
    metrics.STORE_SECONDS.of("sqlite", "read").observe(7.0)
    metrics.ACKNOWLEDGEMENT.of().observe_all([0.008] * 50)
    metrics.SESSION_ACTORS.of().set(4)
    metrics.SHARDS_HELD.of().set(256)
    metrics.MESSAGES_WAITING.of().set(2)
    report = load.report()
    assert (report.seconds, report.frames, report.answered, report.waiting) == (10, 30, 50, 2)
    assert report.answer_ms_mean == pytest.approx(8)
    assert report.answer_ms_within == 10
    (host,) = report.hosts
    assert (host.member, host.running, host.users, host.shards, host.commands) == (MEMBER, True, 4, 256, 2)
    assert host.wait_ms_mean == pytest.approx(3)
    assert host.durable_ms_mean == pytest.approx(6)

    for _ in range(2):
        clock.now_s += 10
        load.look()
    clock.now_s += 1
    quiet = load.report()
    assert (quiet.seconds, quiet.frames, quiet.answer_ms_mean, quiet.answer_ms_within) == (11, 0, None, None)
    assert (quiet.hosts[0].commands, quiet.hosts[0].wait_ms_mean, quiet.hosts[0].users) == (0, None, 4)


@pytest.mark.usefixtures("counting_as_host")
def test_a_host_that_does_not_run_is_named_so() -> None:
    metrics.SESSION_ACTORS.of().set(4)
    report = NodeLoad([MEMBER, "node-1/shard-host-1"]).report()
    assert [(host.running, host.users) for host in report.hosts] == [(True, 4), (False, 0)]


def test_without_a_node_nothing_is_told(tmp_path: Path) -> None:
    report = NodeLoad().report()
    assert (report.frames, report.answer_ms_mean, report.hosts) == (0, None, [])


def test_shares_of_what_was_observed() -> None:
    seen = Observed((1.0, 2.0), (50, 49, 1), 160.0)
    assert (seen.within(0.5), seen.within(0.99), seen.within(1.0)) == (1.0, 2.0, 2.0)
    assert Observed((1.0,), (0, 2), 14.0).within(0.99) == 7.0
    assert Observed((1.0,), (0, 0), 0.0).within(0.99) is None
