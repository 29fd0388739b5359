"""A member's lease, and how others know that it has expired, without a clock in common.

A lease is a row that its holder replaces every quarter of `lease_s`. `renewal_nr` grows with every write of
the row, whoever writes it, so that its versions are in order and none comes twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from actors import counts
from actors.tenure import Tenure
from actors.view import Member
from persistence.ports import Store
from persistence.schema import Timestamp
from persistence.tables import MEMBER, MemberRow

_OVER = "-"  # before an incarnation: that one holds the lease no more, nor does another
RENEWALS_PER_LEASE = 4
CLOCK_MARGIN = 0.1  # part of a lease that its holder forgoes, as clocks may differ in rate
STAMPS_PER_MS = 100  # rows that a process writes at most, each stamped at least 1 μs later than the last
_TRIES = 2  # an earlier write, of which nobody knew, may have come in between; hardly ever two


def fenced(row: MemberRow, incarnation: str) -> MemberRow:
    """What replaces `row` when nobody holds the lease any more; `incarnation` did, once."""
    return row._replace(incarnation=_OVER + incarnation, renewal_nr=row.renewal_nr + 1)


def is_fenced(row: MemberRow, incarnation: str | None = None) -> bool:
    """Whether nobody held the lease at a time after `incarnation` did, or at any time if that is None.

    The incarnation tells: what was read may be old, and the lease another's since.
    """
    return (
        row.incarnation.startswith(_OVER) if incarnation is None else row.incarnation == _OVER + incarnation
    )


class Lease:
    """The row of this process. Holding it prolongs `tenure`, by this process's own clock.

    A write counts from before it was sent, also when its outcome becomes known only later: nobody can have
    seen it earlier.
    """

    def __init__(
        self,
        store: Store,
        tenure: Tenure,
        clock_s: Callable[[], float],
        now_ms: Callable[[], int],
        lease_s: float,
    ) -> None:
        self._store = store
        self._tenure = tenure
        self._clock_s = clock_s
        self._now_ms = now_ms
        self._lease_s = lease_s
        self._nr = 0
        self._sent_s: dict[int, float] = {}  # by renewal_nr
        self._due_s = float("-inf")
        self._is_over = False
        self.row: MemberRow | None = None  # as last known; None while this process holds no lease
        self._floor = (0, 0.0)  # a stamp of this process in ms, and when by its own clock

    @property
    def is_due(self) -> bool:
        """Held, and time to renew it."""
        return self.row is not None and self._clock_s() >= self._due_s

    def take(self, found: MemberRow | None, member: Member, view_nr: int) -> bool:
        """Hold the lease for the first time, instead of who held the row `found`; False if it changed."""
        if found is not None and found.incarnation == member.incarnation:
            self._known(found)  # a write of which nobody knew took place
            return True
        nr = found.renewal_nr if found is not None else 0
        new = self._next(
            MemberRow(member.member_id, member.incarnation, nr, view_nr, member.url, Timestamp(0))
        )
        if found is None:
            (taken,) = self._store.insert_if_absent(MEMBER, [new])
        else:
            taken = self._store.compare_and_set(MEMBER, found, new)
        if taken:
            self._known(new)
        return taken

    def renew(self, view_nr: int) -> bool:
        """Prolong the lease, saying `view_nr`; False if it is another's now, or nobody's."""
        assert self.row is not None
        return self._replace(self.row.incarnation, view_nr)

    def follow(self, latest_ms: int) -> bool:
        """This process stamps its rows later than `latest_ms`; `renewed_at` says so from the next renewal on.

        True if others must be told at once: neither what was said nor its clock lets them expect it.
        """
        self._floor = (max(self._stamp_ms(), latest_ms), self._clock_s())
        return self.row is not None and max(self.row.renewed_at, self._now_ms()) < latest_ms

    def give_up(self) -> None:
        """Let others see at once that nobody holds the lease, for good. Nothing may be acted on any more."""
        self._is_over = True
        self._tenure.valid_until_s = float("-inf")
        if self.row is not None:
            self._replace(_OVER + self.row.incarnation, self.row.view_nr)
            self.forget()

    def forget(self) -> None:
        """It is lost: nothing may be acted on."""
        self._tenure.valid_until_s = float("-inf")
        self._sent_s.clear()
        self.row = None

    def stored(self, member_id: str) -> MemberRow | None:
        """The row in the store."""
        return next(self._store.read(MEMBER, (member_id,)), None)

    def _replace(self, incarnation: str, view_nr: int) -> bool:
        for _ in range(_TRIES):
            row = self.row
            assert row is not None
            new = self._next(row._replace(incarnation=incarnation, view_nr=view_nr))
            if self._store.compare_and_set(MEMBER, row, new):
                self._known(new)
                return True
            found = self.stored(row.member_id)
            if found is None or (found.renewal_nr > row.renewal_nr and found.incarnation != row.incarnation):
                return False
            if found.renewal_nr > row.renewal_nr:
                self._known(found)  # a write of which nobody knew took place
        return True

    def _next(self, row: MemberRow) -> MemberRow:
        """`row` under a number that none of this process's writes had, which is about to be sent."""
        self._nr = max(self._nr, row.renewal_nr) + 1
        now_s = self._clock_s()
        self._sent_s = {nr: sent for nr, sent in self._sent_s.items() if sent > now_s - self._lease_s}
        self._sent_s[self._nr] = now_s
        self._floor = (self._stamp_ms(), now_s)
        return row._replace(renewal_nr=self._nr, renewed_at=Timestamp(self._floor[0]))

    def _stamp_ms(self) -> int:
        """Not before any stamp of this process so far, be its clock put back or others' ahead."""
        floor_ms, since_s = self._floor
        return max(self._now_ms(), floor_ms + math.ceil((self._clock_s() - since_s) * STAMPS_PER_MS))

    def _known(self, row: MemberRow) -> None:
        """`row` is stored."""
        self.row = row
        sent_s = self._sent_s.get(row.renewal_nr, float("-inf"))
        self._due_s = sent_s + self._lease_s / RENEWALS_PER_LEASE
        if not self._is_over:
            counts.renewed()
            until_s = sent_s + self._lease_s * (1 - CLOCK_MARGIN)
            self._tenure.valid_until_s = max(self._tenure.valid_until_s, until_s)


class Watch:
    """What is known of others' leases: the newest row of each member, and for how long it has been looked at.

    Time in which this process did not look counts little: when it stood still or the store was away, others
    could not show that they live. No row is forgotten: there are as many as there ever were shard hosts.
    """

    def __init__(self, clock_s: Callable[[], float], lease_s: float) -> None:
        self._clock_s = clock_s
        self._lease_s = lease_s
        self._seen: dict[str, tuple[MemberRow, float]] = {}  # and the time watched until then
        self._watched_s = 0.0
        self._looked_s = clock_s()

    def see(self, rows: Sequence[MemberRow]) -> None:
        """Take what was just read; what is older than what is known says nothing."""
        # After the read: a row cannot be seen before it was written.
        self._watched_s, self._looked_s = self._now_s(), self._clock_s()
        for row in rows:
            seen = self._seen.get(row.member_id)
            if seen is None or seen[0].renewal_nr < row.renewal_nr:
                self._seen[row.member_id] = (row, self._watched_s)

    def newest(self, member_id: str) -> MemberRow | None:
        seen = self._seen.get(member_id)
        return seen[0] if seen is not None else None

    def left_s(self, member_id: str) -> float:
        """After how many seconds more without a renewal the lease has surely expired; never, if unseen."""
        seen = self._seen.get(member_id)
        return seen[1] + self._lease_s - self._now_s() if seen is not None else float("inf")

    def latest_ms(self, incarnations: Iterable[str]) -> int:
        """A time after all that was written under leases that were seen, by their holders' wall clocks.

        Those of `incarnations` have said that they let go; the others may have written for `lease_s` more.
        """
        alive = set(incarnations)
        return max(
            (
                row.renewed_at + (0 if row.incarnation in alive else int(self._lease_s * 1000))
                for row, _ in self._seen.values()
            ),
            default=0,
        )

    def _now_s(self) -> float:
        """The time watched so far."""
        unseen_s = self._clock_s() - self._looked_s
        return self._watched_s + min(unseen_s, self._lease_s / RENEWALS_PER_LEASE)
