"""When nights begin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from domain.errors import ConfigurationError

NIGHTS_PER_LOOK_MAX = 1000


class Almanac:
    """The nights that `cron` (five fields, in `time_zone`) names; none without one.

    A time that the clocks skip in spring is taken when they have moved on, one that comes twice in autumn
    the first time. Raises ConfigurationError.
    """

    def __init__(self, cron: str | None, time_zone: str) -> None:
        self._cron = cron
        try:
            self._zone = ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ConfigurationError(
                f"{time_zone!r} is no time zone", expected="a name such as Europe/Berlin", remedy="correct it"
            ) from error
        self._next: tuple[int, int] | None = None  # the first night after the first of both, in ms
        if cron is not None:
            self.next_after(0)

    def next_after(self, after_ms: int) -> int:
        """The first night after that time; both in ms since 1970. There must be a cron expression."""
        if self._next is None or self._next[0] != after_ms:
            self._next = after_ms, next(self._nights(after_ms))
        return self._next[1]

    def between(self, after_ms: int, until_ms: int) -> list[int]:
        """The nights after one time up to another, in order, the first NIGHTS_PER_LOOK_MAX of them."""
        if self._cron is None or self.next_after(after_ms) > until_ms:
            return []
        found = []
        for night_ms in islice(self._nights(after_ms), NIGHTS_PER_LOOK_MAX):
            if night_ms > until_ms:
                break
            found.append(night_ms)
        return found

    def _nights(self, after_ms: int) -> Iterator[int]:
        assert self._cron is not None
        try:
            for found in CronSim(self._cron, datetime.fromtimestamp(after_ms / 1000, self._zone)):
                # Times of one zone are subtracted by the wall clock, an hour off across a change of it.
                yield round(found.astimezone(UTC).timestamp() * 1000)
        except CronSimError as error:
            raise self._no_time(str(error)) from error
        raise self._no_time("it never comes")

    def _no_time(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._cron!r} is no time to begin a night ({why})",
            expected="five cron fields that some day fulfils, as in '30 2 * * *'",
            remedy="correct it",
        )
