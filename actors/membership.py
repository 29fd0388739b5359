"""Who may act for which shard: at most one process at any time, by leases and a numbered view of the members.

What holds it together, whatever stops, comes late or is tried twice:

- A member acts only while its lease is valid by its own clock. Others fence a lease, by a conditional write,
  only after they have seen it unchanged for longer than that.
- The view names the members; its changes are conditional writes and are numbered. Only who was fenced, has
  left or was replaced by its own successor is taken out of it.
- A member says in its lease up to which view it has let go of what views take from it. Who gains shards acts
  for them once all others have said so for the view that gives them, under an epoch that is the view's.

Reads may be stale: an old view or lease only makes a member wait. Conditional writes must be linearisable.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from actors import counts
from actors.lease import Lease, Watch, fenced, is_fenced
from actors.tenure import ATTEMPTS_PER_VIEW, Tenure
from actors.view import Member, View
from domain.identifiers import ShardNr
from persistence.ports import Slice, Store
from persistence.stored_json import decode_stored
from persistence.tables import MEMBER, VIEW, MemberRow, ViewRow

log = logging.getLogger(__name__)

VIEW_NAME = "shards"
POLL_SECONDS_MAX = 0.5
POLLS_PER_LEASE = 10
POLLS_WAITING = 5  # times as often, while this member waits for others
RANK_MAX = 2  # members that wait for those before them to expel a dead one


@dataclass(frozen=True)
class Holding:
    """What a member may act for now: its shards with their epochs, under `view`.

    Who is handed one lets go of shards that it lacks or gives another epoch, and says `released` once nothing
    is acted on but what is in it, at once if there is nothing to let go of. `number` counts them.
    """

    number: int
    view: View
    epochs: Mapping[ShardNr, int] = field(default_factory=dict)


class Membership:
    """One process's part in the protocol. `step` and `leave` are called by one thread, `released` by any.

    `new_incarnation` names this process anew each time it joins. A lease under the same `member_id` is taken
    for that of a predecessor which is known to be dead, when a process joins for the first time.
    `clock_s` must go on while the machine sleeps; `now_ms` is since 1970 and may be wrong.
    """

    def __init__(
        self,
        store: Store,
        member_id: str,
        url: str,
        tenure: Tenure,
        clock_s: Callable[[], float],
        *,
        new_incarnation: Callable[[], str],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        lease_s: float = 10.0,
        api_url: str = "",
    ) -> None:
        self._store = store
        self._new_incarnation = new_incarnation
        self._me = Member(member_id, new_incarnation(), url, api_url)
        self._former: str | None = None  # incarnation under which this process was a member before
        self._lease = Lease(store, tenure, clock_s, now_ms, lease_s)
        self._watch = Watch(clock_s, lease_s)
        self._poll_s = min(POLL_SECONDS_MAX, lease_s / POLLS_PER_LEASE)
        self._view_row: ViewRow | None = None
        self._view = View(0, ())  # the newest known
        self._is_member = False
        self._has_left = False
        self._holding = Holding(0, self._view)
        self._lost_number = 0  # the newest holding that took something away
        self._released_number = 0

    @property
    def pause_s(self) -> float:
        """How long to wait until the next step, unless `released` is called."""
        waiting_s = self._poll_s / POLLS_WAITING
        if not self._is_settled:
            return waiting_s
        expiry_s = min(
            (self._watch.left_s(member.member_id) for member in self._others()), default=self._poll_s
        )
        return max(waiting_s, min(self._poll_s, expiry_s))

    def step(self) -> Holding | None:
        """One round: renew the lease if it is time, look at the view and the others, expel, let go, take.

        What the member may act for from now on if that changed, or if the view did. Raises StoreError; what
        was stored nevertheless is found out by later steps.
        """
        if self._has_left:
            return None
        if self._lease.is_due and not self._say(self._view_nr_said()):
            return self._drop()
        self._read_view()
        if self._me not in self._view.members:
            if self._is_member:
                return self._drop()
            if not self._has_released or not self._join():
                return self._hand({})
        self._is_member = True
        return self._act()

    def released(self, holding: Holding) -> None:
        """Nothing is acted on any more but what is in `holding` and those after it."""
        self._released_number = max(self._released_number, holding.number)

    def leave(self) -> bool:
        """Go, after all has been let go of; True once others can see it, False or StoreError: call again."""
        self._has_left = True
        self._lease.give_up()
        self._read_view()
        return self._me not in self._view.members or self._change_view(self._others())

    @property
    def _has_released(self) -> bool:
        return self._released_number >= self._lost_number

    @property
    def _is_settled(self) -> bool:
        """Nothing is waited for: what the view gives is held, what it takes was let go of, and it is said."""
        row, mine = self._lease.row, self._view.shards_of(self._me.member_id)
        is_said = row is not None and row.view_nr >= self._view.number
        return self._is_member and is_said and mine == self._holding.epochs.keys()

    def _act(self) -> Holding | None:
        """As a member of the view."""
        kept = self._kept()
        if len(kept) < len(self._holding.epochs):
            return self._hand(kept)  # at once: others wait for it
        self._read_leases()
        self._expel()
        if (
            self._has_released
            and self._view_nr_said() < self._view.number
            and not self._say(self._view.number)
        ):
            return self._drop()
        mine = self._view.shards_of(self._me.member_id)
        if len(kept) == len(mine) or not self._may_take():
            return self._hand(kept)
        if not self._follow_others():
            return self._drop()
        epoch = self._view.number * ATTEMPTS_PER_VIEW
        return self._hand({shard: kept.get(shard, epoch) for shard in mine})

    def _kept(self) -> dict[ShardNr, int]:
        mine = self._view.shards_of(self._me.member_id)
        return {shard: epoch for shard, epoch in self._holding.epochs.items() if shard in mine}

    def _may_take(self) -> bool:
        """Nobody acts for a shard that the view gives this member."""
        return self._has_released and all(
            row is not None and row.incarnation == member.incarnation and row.view_nr >= self._view.number
            for member in self._others()
            for row in [self._watch.newest(member.member_id)]
        )

    def _follow_others(self) -> bool:
        """Have this process's writes count as later than others'; False if the lease is lost."""
        incarnations = {member.incarnation for member in self._view.members}
        self._watch.see(
            list(self._store.scan(MEMBER))
        )  # who had a shard before may have come and gone unseen
        latest_ms = self._watch.latest_ms(incarnations)
        self._store.not_before(latest_ms)
        return not self._lease.follow(latest_ms) or self._say(self._view_nr_said())

    def _join(self) -> bool:
        """Take the lease, then a place in the view. False if others came first: try again."""
        if self._lease.row is None:
            found = self._lease.stored(self._me.member_id)
            if found is not None:
                self._watch.see([found])
            if found is not None and not self._may_replace(found):
                return False
            self._lease.follow(self._watch.latest_ms(()))
            # It holds nothing that any view up to the one that it will join could take from it.
            if not self._lease.take(found, self._me, self._view.number + 1):
                return False
        others = (member for member in self._view.members if member.member_id != self._me.member_id)
        return self._change_view([*others, self._me])

    def _may_replace(self, found: MemberRow) -> bool:
        is_over = is_fenced(found) or found.incarnation in (self._me.incarnation, self._former)
        return is_over or self._former is None or self._watch.left_s(found.member_id) <= 0

    def _drop(self) -> Holding | None:
        """The lease or the place in the view is lost: begin anew, once everything has been let go of."""
        log.warning("%s is no member any more and joins again", self._me.member_id)
        counts.lease_lost()
        self._lease.forget()
        self._is_member = False
        self._former = self._me.incarnation
        self._me = msgspec.structs.replace(self._me, incarnation=self._new_incarnation())
        return self._hand({})

    def _hand(self, epochs: Mapping[ShardNr, int]) -> Holding | None:
        before = self._holding
        if epochs == before.epochs and self._view == before.view:
            return None
        self._holding = Holding(before.number + 1, self._view, epochs)
        if not before.epochs.items() <= epochs.items():
            self._lost_number = self._holding.number
        return self._holding

    def _expel(self) -> None:
        """Fence the leases that have expired, and take those out of the view that nobody holds.

        Members look in turn, as conditional writes get into each other's way.
        """
        before_me = itertools.takewhile(lambda member: member != self._me, self._view.members)
        rank = sum(self._watch.left_s(member.member_id) > 0 for member in before_me)
        patience_s = min(rank, RANK_MAX) * self._poll_s
        gone = [member for member in self._others() if self._is_gone(member, patience_s)]
        if gone:
            log.warning("%s expels %s", self._me.member_id, [member.member_id for member in gone])
            counts.expelled(len(gone))
            self._change_view([member for member in self._view.members if member not in gone])

    def _is_gone(self, member: Member, patience_s: float) -> bool:
        row = self._watch.newest(member.member_id)
        if row is None or self._watch.left_s(member.member_id) + patience_s > 0:
            return row is not None and is_fenced(row, member.incarnation)
        new = fenced(row, member.incarnation)
        is_gone = self._store.compare_and_set(MEMBER, row, new)
        if is_gone:
            self._watch.see([new])
        return is_gone

    def _others(self) -> list[Member]:
        return [member for member in self._view.members if member != self._me]

    def _view_nr_said(self) -> int:
        assert self._lease.row is not None, "a member holds its lease"
        return self._lease.row.view_nr

    def _say(self, view_nr: int) -> bool:
        return self._lease.renew(view_nr)

    def _read_leases(self) -> None:
        slices = [Slice((member.member_id,)) for member in self._others()]
        if slices:
            found = self._store.read_many(MEMBER, slices)
            self._watch.see([row for rows in found for row in rows])

    def _read_view(self) -> None:
        row = _view_row(self._store)
        if row is not None and row.number > self._view.number:
            self._view_row, self._view = row, _view_of(row)

    def _change_view(self, members: Iterable[Member]) -> bool:
        """Make the next view; False if another was made meanwhile."""
        view = View(self._view.number + 1, tuple(sorted(members, key=lambda member: member.member_id)))
        row = ViewRow(VIEW_NAME, view.number, msgspec.json.encode(view.members).decode())
        if self._view_row is None:
            (changed,) = self._store.insert_if_absent(VIEW, [row])
        else:
            changed = self._store.compare_and_set(VIEW, self._view_row, row)
        if changed:
            self._view_row, self._view = row, view
        return changed


def view_of_store(store: Store) -> View:
    """The newest view, without members before there was any. Raises StoreError."""
    row = _view_row(store)
    return View(0, ()) if row is None else _view_of(row)


def _view_row(store: Store) -> ViewRow | None:
    return next(store.read(VIEW, (VIEW_NAME,)), None)


def stored_view(store: Store) -> View | None:
    """The view of now; raises StoreError."""
    row = next(store.read(VIEW, (VIEW_NAME,)), None)
    return None if row is None else _view_of(row)


def _view_of(row: ViewRow) -> View:
    what = f"the member list of view {row.number}"
    return View(
        row.number, decode_stored(row.members, tuple[Member, ...], what, "restore the row from a backup")
    )
