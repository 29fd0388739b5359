"""At most one scheduler leads: a lease, and the state that only its holder may change, in one row.

Each change of the state is a conditional write of the whole row, so who was replaced can change nothing, be
it paused as long as it likes. As with `actors/lease.py` no clocks are compared: a holder counts its time
from before it sent a write; others replace it when they have seen the row unchanged for the whole lease.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.lease import CLOCK_MARGIN, RENEWALS_PER_LEASE
from persistence.jobs import SCHEDULE_NAME
from persistence.night_tables import SCHEDULE, ScheduleRow
from persistence.ports import Store

LOOKS_PER_LEASE = 10
LOOK_SECONDS_MAX = 2.0
NOBODY = ""


class Leadership:
    """One process's part. `holder` names this process and no other, before or after it.

    `initial` is the state of the first leader ever. `clock_s` goes on while the machine sleeps.
    """

    def __init__(
        self,
        store: Store,
        holder: str,
        clock_s: Callable[[], float],
        lease_s: float,
        initial: Callable[[], str],
    ) -> None:
        self._store = store
        self._holder = holder
        self._clock_s = clock_s
        self._lease_s = lease_s
        self._initial = initial
        self._nr = 0  # of the last write that was tried
        self._row: ScheduleRow | None = None  # as last known while this process holds it
        self._renew_s = self._look_s = float("-inf")
        self._seen: tuple[ScheduleRow, float] | None = None  # another's, and the time watched until then
        self._watched_s = 0.0
        self._looked_s = clock_s()
        self.valid_until_s = float("-inf")

    @property
    def epoch(self) -> int:
        """Grows with each change of the leader."""
        assert self._row is not None
        return self._row.epoch

    @property
    def state(self) -> str:
        assert self._row is not None
        return self._row.state

    def hold(self) -> bool:
        """Renew the lease or try to get it, each when it is time; True if this process leads.

        Raises StoreError, after which nobody knows: call again.
        """
        if self._row is not None and self._clock_s() >= self._renew_s:
            self.save(self._row.state)
        if self._row is None and self._clock_s() >= self._look_s:
            self._look_s = self._clock_s() + min(LOOK_SECONDS_MAX, self._lease_s / LOOKS_PER_LEASE)
            self._look()
        return self._row is not None and self._clock_s() < self.valid_until_s

    def save(self, state: str) -> bool:
        """Change the state, which renews the lease; False if another leads now, or what is stored differs.

        After StoreError, or False, nothing is known until `hold` says that this process leads.
        """
        row = self._row
        assert row is not None
        self._row, self._look_s = None, float("-inf")
        return self._write(row, row._replace(state=state))

    def give_up(self) -> None:
        """Let another lead at once. Raises StoreError."""
        row, self._row = self._row, None
        self.valid_until_s = float("-inf")
        if row is not None:
            self._store.compare_and_set(SCHEDULE, row, self._next(row._replace(holder=NOBODY)))

    def _look(self) -> None:
        found = next(self._store.read(SCHEDULE, (SCHEDULE_NAME,)), None)
        if found is None:
            self._write(None, ScheduleRow(SCHEDULE_NAME, self._holder, 1, 0, self._initial()))
        elif found.holder == self._holder:
            self._write(found, found)  # a write of which nobody knew took place, or did not
        elif found.holder == NOBODY or self._has_expired(found):
            self._write(found, found._replace(holder=self._holder, epoch=found.epoch + 1))

    def _has_expired(self, found: ScheduleRow) -> bool:
        """Time in which this process did not look counts little: others may have been heard meanwhile."""
        now_s = self._clock_s()
        self._watched_s += min(now_s - self._looked_s, self._lease_s / RENEWALS_PER_LEASE)
        self._looked_s = now_s
        if self._seen is None or self._seen[0] != found:
            self._seen = found, self._watched_s
        return self._watched_s - self._seen[1] >= self._lease_s

    def _write(self, before: ScheduleRow | None, after: ScheduleRow) -> bool:
        after = self._next(after)
        sent_s = self._clock_s()
        if before is None:
            (is_done,) = self._store.insert_if_absent(SCHEDULE, [after])
        else:
            is_done = self._store.compare_and_set(SCHEDULE, before, after)
        if is_done:
            self._row = after
            self._renew_s = sent_s + self._lease_s / RENEWALS_PER_LEASE
            self.valid_until_s = sent_s + self._lease_s * (1 - CLOCK_MARGIN)
        return is_done

    def _next(self, row: ScheduleRow) -> ScheduleRow:
        """Under a number that no other write of the row had or will have."""
        self._nr = max(self._nr, row.renewal_nr) + 1
        return row._replace(renewal_nr=self._nr)
