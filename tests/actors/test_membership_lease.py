from __future__ import annotations

import pytest

from actors.lease import Lease
from actors.tenure import Tenure, machine_s
from actors.view import Member
from domain.identifiers import UserId, shard_of
from persistence.tables import MEMBER
from tests.actors.membership_rig import LEASE_S, POLL_S, T0_MS, Hand, Rig

HOUR_MS = 3_600_000


@pytest.fixture
def rig() -> Rig:
    return Rig()


def wall_ms(rig: Rig) -> int:
    return T0_MS + int(rig.now_s * 1000)


def ahead(rig: Rig, member_id: str, hours: float) -> Hand:
    """A member whose wall clock is wrong."""
    hand = rig.member(member_id)
    hand.wall_off_ms = int(hours * HOUR_MS)
    return hand


def test_what_a_member_writes_is_later_than_what_those_before_it_wrote(rig: Rig) -> None:
    ada, bob = ahead(rig, "ada", 2), rig.member("bob")
    rig.settle(ada, bob)
    assert bob.epochs
    assert bob.not_before_ms >= wall_ms(rig) + 2 * HOUR_MS
    assert rig.lease("bob").renewed_at >= bob.not_before_ms, "so that those after it know"


def test_one_that_died_may_have_written_until_its_lease_expired(rig: Rig) -> None:
    ada, bob = ahead(rig, "ada", 2), rig.member("bob")
    rig.settle(ada, bob)
    last_ms = rig.lease("ada").renewed_at
    rig.let_pass(LEASE_S + POLL_S, bob)
    assert bob.not_before_ms == last_ms + LEASE_S * 1000


def test_a_member_follows_those_whom_it_never_met(rig: Rig) -> None:
    ada = ahead(rig, "ada", 2)
    ada.step()
    ada.membership.leave()
    bob = rig.member("bob")
    bob.step()
    assert bob.not_before_ms >= wall_ms(rig) + 2 * HOUR_MS


def test_a_successor_of_the_same_name_follows(rig: Rig) -> None:
    ahead(rig, "ada", 2).step()
    ada = rig.member("ada")
    ada.step()
    assert ada.not_before_ms >= wall_ms(rig) + 2 * HOUR_MS
    assert rig.lease("ada").renewed_at >= ada.not_before_ms


def test_renewals_are_never_dated_back(rig: Rig) -> None:
    ada = ahead(rig, "ada", 2)
    ada.step()
    before_ms = rig.lease("ada").renewed_at
    ada.wall_off_ms = 0
    rig.let_pass(LEASE_S, ada)
    assert 0 < rig.lease("ada").renewed_at - before_ms < LEASE_S * 1000


def test_clocks_that_agree_cost_no_further_write(rig: Rig) -> None:
    ada, bob = rig.member("ada"), rig.member("bob")
    ada.step()
    rig.let_pass(LEASE_S, ada)
    bob.step()
    rig.settle(ada, bob)
    assert bob.statements.count("compare_and_set") == 1
    assert bob.epochs


def test_every_attempt_to_renew_has_a_number_of_its_own(rig: Rig) -> None:
    ada = rig.member("ada")
    ada.step()
    for _ in range(3):
        rig.now_s += LEASE_S
        ada.faults.append("before")
        with pytest.raises(Exception, match="not done"):
            ada.step()
    ada.step()
    assert rig.lease("ada").renewal_nr == 5
    assert len(ada.membership._lease._sent_s) <= 2, "the older ones cannot prolong anything"


def test_a_lease_that_is_given_up_prolongs_nothing(rig: Rig) -> None:
    """Not even by a renewal that is only known of now."""
    ada = rig.member("ada")
    ada.step()
    rig.now_s += LEASE_S / 2
    ada.faults.append("after")
    with pytest.raises(Exception, match="nobody knows"):
        ada.step()
    seen: list[bool] = []
    ada.during = lambda: seen.append(ada.tenure.is_valid)
    ada.membership.leave()
    assert seen
    assert not any(seen)
    assert rig.lease("ada").incarnation == "-i1"


def test_a_tenure_ends_by_its_own_clock() -> None:
    now_s = 5.0
    tenure = Tenure(lambda: now_s)
    ada = UserId("ada")
    tenure.epochs = {shard_of(ada): 7}
    assert tenure.epoch_of(ada) is None
    tenure.valid_until_s = 6.0
    assert tenure.epoch_of(ada) == 7
    assert tenure.epoch_of(UserId("bob")) is None
    now_s = 6.0
    assert not tenure.is_valid
    assert tenure.epoch_of(ada) is None


def test_the_clock_of_the_machine_goes_on() -> None:
    assert machine_s() <= machine_s()


def test_a_lease_that_changed_meanwhile_is_not_taken(rig: Rig) -> None:
    hand = rig.member("ada")
    hand.step()
    old = rig.lease("ada")
    rig.now_s += LEASE_S / 2
    hand.step()
    lease = Lease(hand.membership._store, hand.tenure, lambda: rig.now_s, lambda: wall_ms(rig), LEASE_S)
    assert not lease.take(old, Member("ada", "i9", "wss://ada"), 1)
    assert not lease.take(None, Member("ada", "i9", "wss://ada"), 1)
    assert lease.row is None
    assert rig.rows.read(MEMBER, "ada").incarnation == "i1"
