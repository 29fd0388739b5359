"""When the next night begins."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from domain.errors import ConfigurationError


def next_night(cron: str, time_zone: str, after: datetime) -> datetime:
    """The first time after `after` that `cron` (five fields, in `time_zone`) names, in UTC.

    A time that the clocks skip in spring is taken when they have moved on. Raises ConfigurationError.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"{time_zone!r} is no time zone", expected="a name such as Europe/Berlin", remedy="correct it"
        ) from error
    try:
        found = next(CronSim(cron, after.astimezone(zone)))
    except (CronSimError, StopIteration) as error:
        raise ConfigurationError(
            f"{cron!r} is no time to begin a night ({error})",
            expected="five cron fields that some day fulfils, as in '30 2 * * *'",
            remedy="correct it",
        ) from error
    # Times of one zone are subtracted by the wall clock, which is an hour off across a change of it.
    return found.astimezone(UTC)
