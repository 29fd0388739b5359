"""How much a shard host takes, and how long it needs: counted between two reports, for operators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """Of `seconds` until `at_ms` (since 1970): so many `commands` came, frames among them.

    Of the batches that were answered in that time, the mean and the longest from arrival until all was
    durable, None if there was none. `users` are live, `unanswered` batches under way.
    """

    member: str
    at_ms: int
    seconds: float
    commands: int
    answer_ms_mean: float | None
    answer_ms_max: float | None
    users: int
    unanswered: int


class Load:
    """Told of each batch when it comes and when it is answered. Times are seconds of a monotonic clock."""

    def __init__(self, member: str, now_s: float) -> None:
        self._member = member
        self._begun_s: dict[int, float] = {}  # by the batch's number
        self._restart(now_s)

    def came(self, batch_nr: int, command_count: int, now_s: float) -> None:
        """A batch that comes again, as its sender was started anew, begins anew."""
        self._commands += command_count
        self._begun_s[batch_nr] = now_s

    def answered(self, batch_nrs: Iterable[int], now_s: float) -> None:
        for number in batch_nrs:
            begun_s = self._begun_s.pop(number, None)
            if begun_s is not None:
                self._answered_ms.append(1000 * (now_s - begun_s))

    def report(self, now_s: float, now_ms: int, users: int) -> LoadReport:
        """What happened since the report before."""
        times_ms = self._answered_ms
        made = LoadReport(
            member=self._member,
            at_ms=now_ms,
            seconds=now_s - self._since_s,
            commands=self._commands,
            answer_ms_mean=sum(times_ms) / len(times_ms) if times_ms else None,
            answer_ms_max=max(times_ms, default=None),
            users=users,
            unanswered=len(self._begun_s),
        )
        self._restart(now_s)
        return made

    def _restart(self, now_s: float) -> None:
        self._since_s = now_s
        self._commands = 0
        self._answered_ms: list[float] = []
