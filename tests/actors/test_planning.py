"""When nights begin."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from actors.planning import NIGHTS_PER_LOOK_MAX, Almanac
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
    assert Almanac(cron, zone).next_after(ms(after)) == ms(night)


@pytest.mark.parametrize(
    ("since", "until", "nights"),
    [
        ("2026-03-27T12:00:00", "2026-03-30T12:00:00", ["28T01:30", "29T01:00", "30T00:30"]),
        ("2026-10-23T12:00:00", "2026-10-26T12:00:00", ["24T00:30", "25T00:30", "26T01:30"]),
        ("2026-05-01T00:30:00", "2026-05-02T00:30:00", ["02T00:30"]),
        ("2026-05-01T00:30:00", "2026-05-02T00:29:59", []),
        ("2026-05-02T00:30:00", "2026-05-01T00:30:00", []),
    ],
)
def test_each_day_has_one_night_whatever_the_clocks_do(since: str, until: str, nights: list[str]) -> None:
    found = Almanac("30 2 * * *", "Europe/Berlin").between(ms(since), ms(until))
    assert [f"{datetime.fromtimestamp(each / 1000, UTC):%dT%H:%M}" for each in found] == nights


def test_the_nights_of_a_long_time_are_told_in_parts() -> None:
    almanac = Almanac("* * * * *", "UTC")
    first = almanac.between(0, 10**10)
    assert first == [60_000 * (nr + 1) for nr in range(NIGHTS_PER_LOOK_MAX)]
    assert almanac.between(first[-1], 10**10)[0] == first[-1] + 60_000


def test_without_an_expression_there_is_no_night() -> None:
    assert Almanac(None, "UTC").between(0, 10**15) == []


@pytest.mark.parametrize(
    "cron", ["", "30 2 * *", "99 2 * * *", "never", "0 0 30 2 *", "* * * * * * *", "a b c d e"]
)
def test_what_is_no_time_is_refused(cron: str) -> None:
    with pytest.raises(ConfigurationError, match="no time to begin a night"):
        Almanac(cron, "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="no time zone"):
        Almanac("30 2 * * *", zone)


def ms(text: str) -> int:
    """A time in UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
