"""Members that a test steps by hand, over one store whose statements it can let fail."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from actors.membership import VIEW_NAME, Holding, Membership
from actors.tenure import ATTEMPTS_PER_VIEW, Tenure
from domain.errors import StoreUnavailable
from domain.identifiers import SHARD_COUNT, ShardNr
from persistence.tables import MEMBER, VIEW, MemberRow, ViewRow
from tests.actors.cluster_store import Link, Rows

LEASE_S = 10.0
POLL_S = 0.5
T0_MS = 1_700_000_000_000
BEFORE, AFTER = "before", "after"
ALL = frozenset(ShardNr(shard) for shard in range(SHARD_COUNT))


class Rig:
    """`now_s` is everybody's clock."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.now_s = 1000.0
        self.incarnations = itertools.count(1)

    def member(self, member_id: str) -> Hand:
        return Hand(self, member_id)

    def lease(self, member_id: str) -> MemberRow:
        row: MemberRow = self.rows.read(MEMBER, member_id)
        return row

    def view(self) -> ViewRow:
        row: ViewRow = self.rows.read(VIEW, VIEW_NAME)
        return row

    def settle(self, *hands: Hand) -> None:
        """Step all until nobody has anything to do, without any time going by."""
        for _ in range(10):
            for hand in hands:
                hand.step()

    def let_pass(self, seconds: float, *hands: Hand) -> None:
        """Time goes by while these step."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += min(POLL_S, end_s - self.now_s)
            for hand in hands:
                hand.step()


class Hand:
    """One member and its host, which lets go of things at once if `releases`."""

    def __init__(self, rig: Rig, member_id: str) -> None:
        self.releases = True
        self.faults: deque[str | None] = deque()  # of the next statements: BEFORE, AFTER or none
        self.statements: list[str] = []
        self.during: Callable[[], None] = lambda: None  # called while a statement is on its way
        self.wall_off_ms = 0
        self.not_before_ms = 0
        self.tenure = Tenure(lambda: rig.now_s)
        self.holdings: list[Holding] = []
        self._rig = rig
        self.membership = Membership(
            Link(rig.rows, self._call, not_before=self._not_before),  # type: ignore[arg-type]
            member_id,
            f"wss://{member_id}",
            self.tenure,
            lambda: rig.now_s,
            new_incarnation=lambda: f"i{next(rig.incarnations)}",
            now_ms=lambda: T0_MS + self.wall_off_ms + int(rig.now_s * 1000),
            lease_s=LEASE_S,
        )

    @property
    def epochs(self) -> dict[ShardNr, int]:
        """What the member may act for as far as its host was told."""
        return dict(self.holdings[-1].epochs) if self.holdings else {}

    @property
    def view_nr(self) -> int:
        return self.holdings[-1].view.number

    def step(self) -> Holding | None:
        holding = self.membership.step()
        if holding is not None:
            self.holdings.append(holding)
            if self.releases:
                self.membership.released(holding)
        return holding

    def step_over_faults(self) -> None:
        try:
            self.step()
        except StoreUnavailable:
            self.step_over_faults()

    def _call(self, name: str, effect: Callable[[], Any]) -> Any:
        self.statements.append(name)
        fault = self.faults.popleft() if self.faults else None
        if fault == BEFORE:
            raise StoreUnavailable("not done")
        self.during()
        answer = effect()
        if fault == AFTER:
            raise StoreUnavailable("done, but nobody knows")
        return answer

    def _not_before(self, at_ms: int) -> None:
        self.not_before_ms = max(self.not_before_ms, at_ms)


def pair(rig: Rig) -> tuple[Hand, Hand]:
    """Two members, each acting for its part."""
    ada, bob = rig.member("ada"), rig.member("bob")
    rig.settle(ada, bob)
    assert ada.epochs.keys() | bob.epochs.keys() == ALL
    assert ada.epochs.keys().isdisjoint(bob.epochs)
    return ada, bob


def view_of_epochs(hand: Hand) -> set[int]:
    """The views under which a member was given its shards."""
    assert all(epoch % ATTEMPTS_PER_VIEW == 0 for epoch in hand.epochs.values())
    return {epoch // ATTEMPTS_PER_VIEW for epoch in hand.epochs.values()}
