from __future__ import annotations

from contextlib import suppress

import pytest

from actors.lease import fenced
from domain.errors import StoredValueCorrupt, StoreUnavailable
from persistence.tables import MEMBER, VIEW
from tests.actors.membership_rig import AFTER, ALL, BEFORE, LEASE_S, POLL_S, Hand, Rig, pair, view_of_epochs


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_member_that_was_fenced_lets_go_of_everything_and_then_joins_again(rig: Rig) -> None:
    ada, bob = pair(rig)
    rig.let_pass(LEASE_S + POLL_S, ada)
    bob.releases = False
    bob.step()
    assert bob.epochs == {}
    assert not bob.tenure.is_valid
    rig.settle(ada, bob)
    assert not bob.tenure.is_valid, "its host may still act on what it had"
    bob.membership.released(bob.holdings[-1])
    rig.settle(ada, bob)
    assert rig.lease("bob").incarnation == "i3"
    assert bob.epochs.keys() == ALL - ada.epochs.keys()
    assert view_of_epochs(bob) == {4}


def test_an_outage_ends_the_tenure_and_nothing_else(rig: Rig) -> None:
    ada, bob = pair(rig)
    before = len(ada.holdings), dict(ada.epochs)
    rig.now_s += LEASE_S
    assert not ada.tenure.is_valid
    rig.settle(ada, bob)
    assert ada.tenure.is_valid
    assert (len(ada.holdings), ada.epochs) == before


def test_a_renewal_of_which_nobody_knew_counts_from_when_it_was_sent(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.step()
    rig.now_s += LEASE_S / 2
    sent_s = rig.now_s
    ada.faults.append(AFTER)
    with pytest.raises(StoreUnavailable, match="nobody knows"):
        ada.step()
    rig.now_s += 1
    ada.faults.extend([None, None, BEFORE])
    with pytest.raises(StoreUnavailable, match="not done"):
        ada.step()
    assert ada.membership._lease.row == rig.lease("ada")
    rig.now_s += 1
    ada.step()
    assert ada.tenure.valid_until_s == pytest.approx(sent_s + 0.9 * LEASE_S)
    assert ada.epochs.keys() == ALL


@pytest.mark.parametrize("fault", [BEFORE, AFTER])
@pytest.mark.parametrize("nr", range(12))
def test_any_statement_may_fail(rig: Rig, nr: int, fault: str) -> None:
    """A member joins another, leaves again, and each of its statements fails once."""
    ada, bob = rig.member("ada"), rig.member("bob")
    ada.step()
    bob.faults.extend([None] * nr + [fault])
    for _ in range(6):
        bob.step_over_faults()
        ada.step()
    assert view_of_epochs(bob) == {2}
    assert ada.epochs.keys() == ALL - bob.epochs.keys()
    leave_over_faults(bob)
    rig.settle(ada)
    assert ada.epochs.keys() == ALL
    assert view_of_epochs(ada) == {1, 3}


def leave_over_faults(hand: Hand) -> None:
    for _ in range(3):
        with suppress(StoreUnavailable):
            if hand.membership.leave():
                return
    raise AssertionError("it did not leave")


def test_two_that_come_at_once_both_get_in(rig: Rig) -> None:
    ada, bob, cyd = rig.member("ada"), rig.member("bob"), rig.member("cyd")
    ada.step()
    cyd.statements.clear()

    def bob_is_faster() -> None:
        if cyd.statements.count("compare_and_set") == 1:
            cyd.during = lambda: None
            bob.step()

    cyd.during = bob_is_faster
    cyd.step()
    assert "cyd" not in rig.view().members
    rig.settle(ada, bob, cyd)
    parts = [hand.epochs.keys() for hand in (ada, bob, cyd)]
    assert frozenset().union(*parts) == ALL
    assert sum(map(len, parts)) == len(ALL)


def test_two_living_processes_of_one_name_do_not_take_it_from_each_other_for_ever(rig: Rig) -> None:
    first, second = rig.member("ada"), rig.member("ada")
    rig.settle(first, second)
    rig.let_pass(5 * LEASE_S, first, second)
    assert rig.lease("ada").incarnation == "i2"
    assert first.epochs == {}
    assert not first.tenure.is_valid
    assert second.epochs.keys() == ALL
    rig.let_pass(LEASE_S + 2 * POLL_S, first)
    assert first.epochs.keys() == ALL, "the second one is gone"


def test_a_successor_that_died_before_it_came_into_the_view_is_expelled(rig: Rig) -> None:
    ada, _ = pair(rig)
    successor = rig.member("bob")
    successor.faults.extend([None, None, None, BEFORE])
    with pytest.raises(StoreUnavailable, match="not done"):
        successor.step()
    assert rig.lease("bob").incarnation == "i3"
    ada.step()
    rig.let_pass(LEASE_S + POLL_S, ada)
    assert ada.epochs.keys() == ALL


def test_a_fence_of_an_earlier_process_says_nothing_of_a_later_one(rig: Rig) -> None:
    """As an old read would: the lease is fenced before `i3` of the view takes it."""
    ada, bob = pair(rig)
    row = rig.lease("bob")
    again = rig.member("bob")
    again.step()
    assert rig.lease("bob").incarnation == "i3"
    ada.membership._read_view()
    ada.membership._watch.see([fenced(row, "i2")._replace(renewal_nr=99)])
    ada.membership._expel()
    assert "i3" in rig.view().members
    assert bob.epochs


def test_an_older_view_is_not_gone_back_to(rig: Rig) -> None:
    ada, bob = pair(rig)
    newest = rig.view()
    rig.rows.change(VIEW, newest, newest._replace(number=1, members="[]"))
    rig.settle(ada, bob)
    assert ada.view_nr == bob.view_nr == 2


def test_a_view_that_cannot_be_read_is_named(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.step()
    rig.rows.change(VIEW, rig.view(), rig.view()._replace(number=2, members="{"))
    with pytest.raises(StoredValueCorrupt, match="member list of view 2"):
        ada.step()


def test_a_lease_that_was_deleted_is_taken_again(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.step()
    rig.rows.delete(MEMBER, "ada")
    rig.now_s += LEASE_S / 2
    ada.step()
    assert ada.epochs == {}
    ada.step()
    assert view_of_epochs(ada) == {2}
