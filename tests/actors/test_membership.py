from __future__ import annotations

import pytest

from actors.tenure import ATTEMPTS_PER_VIEW
from tests.actors.membership_rig import ALL, LEASE_S, POLL_S, Rig, pair, view_of_epochs


@pytest.fixture
def rig() -> Rig:
    return Rig()


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


def test_a_lease_is_watched_from_after_it_was_read(rig: Rig) -> None:
    """When the read was sent it may not have been written yet."""
    ada, bob = pair(rig)
    rig.let_pass(LEASE_S / 4, bob)
    ada.during = lambda: setattr(rig, "now_s", rig.now_s + 1)
    ada.step()
    assert ada.membership._watch.left_s("bob") == pytest.approx(LEASE_S)


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


def test_a_lease_counts_from_before_it_was_sent(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.during = lambda: setattr(rig, "now_s", rig.now_s + 1)
    sent_s = rig.now_s + 2  # after the reads of the view and of the lease
    ada.step()
    assert ada.tenure.valid_until_s == pytest.approx(sent_s + 0.9 * LEASE_S)


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
