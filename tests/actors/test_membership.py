from __future__ import annotations

from contextlib import suppress

import pytest

from actors.lease import fenced
from actors.tenure import ATTEMPTS_PER_VIEW
from domain.errors import StoredValueCorrupt, StoreUnavailable
from persistence.tables import MEMBER, VIEW
from tests.actors.membership_rig import AFTER, ALL, BEFORE, LEASE_S, POLL_S, Hand, Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


def pair(rig: Rig) -> tuple[Hand, Hand]:
    """Two members, each acting for its part."""
    ada, bob = rig.member("ada"), rig.member("bob")
    rig.settle(ada, bob)
    assert ada.epochs.keys() | bob.epochs.keys() == ALL
    assert ada.epochs.keys().isdisjoint(bob.epochs)
    return ada, bob


def view_of_epochs(hand: Hand) -> set[int]:
    assert all(epoch % ATTEMPTS_PER_VIEW == 0 for epoch in hand.epochs.values())
    return {epoch // ATTEMPTS_PER_VIEW for epoch in hand.epochs.values()}


def test_a_single_member_acts_for_everything_after_one_step(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.step()
    assert ada.tenure.is_valid
    assert ada.epochs == dict.fromkeys(ALL, ATTEMPTS_PER_VIEW)
    assert ada.step() is None


def test_a_process_follows_a_dead_one_of_its_name_at_once_under_higher_epochs(rig: Rig) -> None:
    dead, ada = rig.member("ada"), rig.member("ada")
    dead.step()
    ada.step()
    assert ada.epochs == dict.fromkeys(ALL, 2 * ATTEMPTS_PER_VIEW)
    assert rig.lease("ada").incarnation == "i2"


def test_a_member_that_comes_waits_until_the_others_have_let_go(rig: Rig) -> None:
    ada, bob = rig.member("ada"), rig.member("bob")
    ada.step()
    bob.step()
    assert not bob.epochs
    ada.releases = False
    rig.settle(ada, bob)
    assert view_of_epochs(ada) == {1}
    assert 0 < len(ada.epochs) < len(ALL)
    assert not bob.epochs
    ada.membership.released(ada.holdings[-1])
    rig.settle(ada, bob)
    assert bob.epochs.keys() == ALL - ada.epochs.keys()
    assert view_of_epochs(bob) == {2}
    assert view_of_epochs(ada) == {1}, "what is kept is kept under its epoch"


def test_a_member_that_comes_waits_for_all_others(rig: Rig) -> None:
    ada, bob = pair(rig)
    cyd = rig.member("cyd")
    rig.settle(cyd, ada)
    assert not cyd.epochs
    rig.settle(cyd, bob)
    assert cyd.epochs.keys() == ALL - ada.epochs.keys() - bob.epochs.keys()


def test_an_older_release_does_not_stand_for_a_newer_holding(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.step()
    bob, cyd = rig.member("bob"), rig.member("cyd")
    ada.releases = False
    bob.step()
    ada.step()
    cyd.step()
    ada.step()
    ada.membership.released(ada.holdings[-2])
    rig.settle(ada, bob, cyd)
    assert not bob.epochs
    assert not cyd.epochs
    ada.membership.released(ada.holdings[-1])
    rig.settle(ada, bob, cyd)
    assert bob.epochs
    assert cyd.epochs


def test_who_expires_is_fenced_then_removed_and_its_shards_are_taken(rig: Rig) -> None:
    ada, bob = pair(rig)
    rig.let_pass(LEASE_S - 0.1, ada)
    assert rig.lease("bob").incarnation == "i2"
    assert not bob.tenure.is_valid
    rig.let_pass(POLL_S, ada)
    assert rig.lease("bob").incarnation == "-i2"
    assert ada.epochs.keys() == ALL
    assert view_of_epochs(ada) == {1, 3}


def test_who_renews_stays(rig: Rig) -> None:
    ada, bob = pair(rig)
    rig.let_pass(3 * LEASE_S, ada, bob)
    assert rig.view().number == 2
    assert ada.tenure.is_valid
    assert bob.tenure.is_valid


def test_members_expel_in_turn(rig: Rig) -> None:
    ada, bob = pair(rig)
    cyd = rig.member("cyd")
    rig.settle(ada, bob, cyd)
    rig.let_pass(LEASE_S - POLL_S, ada, bob)
    rig.now_s += POLL_S
    bob.step()
    assert rig.lease("cyd").incarnation == "i3", "ada comes first"
    rig.now_s += POLL_S
    bob.step()
    assert rig.lease("cyd").incarnation == "-i3", "ada did not"


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


def test_a_lease_counts_from_before_it_was_sent(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.during = lambda: setattr(rig, "now_s", rig.now_s + 1)
    sent_s = rig.now_s + 2  # after the reads of the view and of the lease
    ada.step()
    assert ada.tenure.valid_until_s == pytest.approx(sent_s + 0.9 * LEASE_S)


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


def test_who_leaves_is_followed_at_once(rig: Rig) -> None:
    ada, bob = pair(rig)
    assert bob.membership.leave()
    assert not bob.tenure.is_valid
    assert rig.lease("bob").incarnation == "-i2"
    assert "bob" not in rig.view().members
    ada.step()
    assert ada.epochs.keys() == ALL
    assert bob.membership.leave()
    assert bob.step() is None
    assert rig.view().number == 3


def test_the_last_one_leaves_an_empty_view(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.step()
    assert ada.membership.leave()
    assert rig.view().members == "[]"
    bob = rig.member("bob")
    bob.step()
    assert view_of_epochs(bob) == {3}


def test_who_never_joined_can_leave(rig: Rig) -> None:
    ada = rig.member("ada")
    assert ada.membership.leave()
    assert rig.view() is None


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


def test_quiet_times_cost_one_conditional_write_a_quarter_of_a_lease(rig: Rig) -> None:
    ada, bob = pair(rig)
    rig.let_pass(LEASE_S, ada, bob)
    ada.statements.clear()
    rig.let_pass(LEASE_S, ada, bob)
    polls = LEASE_S / POLL_S
    assert ada.statements.count("compare_and_set") == 4
    assert ada.statements.count("read") == polls
    assert ada.statements.count("read_many") == polls
    assert len(ada.statements) == 4 + 2 * polls


def test_steps_follow_each_other_faster_while_something_is_waited_for(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.step()
    assert ada.membership.pause_s == POLL_S
    bob = rig.member("bob")
    bob.step()
    assert bob.membership.pause_s == POLL_S / 5
    rig.settle(ada, bob)
    assert bob.membership.pause_s == POLL_S
    rig.let_pass(LEASE_S - POLL_S, bob)
    rig.now_s += 0.3
    assert bob.membership.pause_s == pytest.approx(0.2), "when the lease of ada has expired"


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
    with pytest.raises(StoredValueCorrupt, match="members of view 2"):
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
