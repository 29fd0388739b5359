"""When nights begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from actors.planning import next_night
from domain.errors import ConfigurationError


@pytest.mark.parametrize(
    ("cron", "zone", "after", "night"),
    [
        ("30 2 * * *", "UTC", "2026-05-01T02:29:59", "2026-05-01T02:30:00"),
        ("30 2 * * *", "UTC", "2026-05-01T02:30:00", "2026-05-02T02:30:00"),
        ("0 4 * * 0", "UTC", "2026-05-01T00:00:00", "2026-05-03T04:00:00"),  # Sundays
        ("30 2 * * *", "Asia/Kolkata", "2026-05-01T00:00:00", "2026-05-01T21:00:00"),
        # Clocks go from 02:00 to 03:00 on 29 March: six in the morning is an hour nearer.
        ("0 6 * * *", "Europe/Berlin", "2026-03-28T21:00:00", "2026-03-29T04:00:00"),
        # Half past two does not exist in that night: the night begins when the clocks have moved on.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T21:00:00", "2026-03-29T01:00:00"),
        # And exists twice in October, but is one night.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T21:00:00", "2026-10-25T00:30:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00", "2026-10-26T01:30:00"),
    ],
)
def test_the_next_night(cron: str, zone: str, after: str, night: str) -> None:
    found = next_night(cron, zone, datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert found.replace(tzinfo=None).isoformat() == night
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "cron", ["", "30 2 * *", "99 2 * * *", "never", "0 0 30 2 *", "* * * * * * *", "a b c d e"]
)
def test_what_is_no_time_is_refused(cron: str) -> None:
    with pytest.raises(ConfigurationError, match="no time to begin a night"):
        next_night(cron, "UTC", datetime(2026, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="no time zone"):
        next_night("30 2 * * *", zone, datetime(2026, 5, 1, tzinfo=UTC))
