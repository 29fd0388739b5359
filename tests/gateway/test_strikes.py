"""Which addresses have to wait: by their strikes, and how little an address can gain."""

from __future__ import annotations

import ipaddress
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.devices import strikes
from gateway.devices.doorman import Doorman, Visit
from gateway.devices.limits import Limits
from gateway.devices.seldom import SECONDS, Seldom
from gateway.devices.strikes import Strikes, network_of

RATES = st.floats(0.5, 100)
AT_ONCE = st.integers(1, 50)
PAUSES_S = st.lists(st.floats(0, 2), max_size=60)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def made(per_second: float, at_once: int) -> tuple[Strikes, Clock]:
    clock = Clock()
    return Strikes(Limits(strikes_per_second=per_second, strikes_at_once=at_once), clock), clock


@given(RATES, AT_ONCE, PAUSES_S)
def test_who_is_always_cut_off_comes_in_at_the_rate_and_at_once_one_burst(
    per_second: float, at_once: int, pauses_s: list[float]
) -> None:
    found, clock = made(per_second, at_once)
    came_in = 0
    for pause_s in pauses_s:
        clock.now_s += pause_s
        while not found.wait_s("a", 0) and came_in < 10_000:
            came_in += 1
            found.count("a")
        assert came_in <= at_once + clock.now_s * per_second + 1


@given(RATES, AT_ONCE, st.integers(1, 100), st.integers(0, 100))
def test_strangers_of_an_address_that_was_struck_count_as_strikes(
    per_second: float, at_once: int, struck: int, strangers: int
) -> None:
    found, _ = made(per_second, at_once)
    assert found.wait_s("a", strangers) == 0
    for _ in range(struck):
        found.count("a")
    waits = found.wait_s("a", strangers)
    over = min(struck, max(at_once, strikes.SECONDS_MAX * per_second)) + strangers + 1 - at_once
    assert waits == pytest.approx(max(0.0, over / per_second), abs=1e-6)


@given(RATES, AT_ONCE, st.integers(1, 200), st.integers(0, 40))
def test_who_waits_as_long_as_is_said_may_come_in(
    per_second: float, at_once: int, struck: int, strangers: int
) -> None:
    found, clock = made(per_second, at_once)
    for _ in range(struck):
        found.count("a")
    clock.now_s += found.wait_s("a", strangers) + 1e-6
    assert found.wait_s("a", strangers) == 0
    clock.now_s += max(strikes.SECONDS_MAX, at_once / per_second) + 1e-6
    assert found.wait_s("a", 10**6) == 0, "it is forgiven at last"
    assert not found._until_s


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_an_address_of_which_nothing_ended_badly_never_waits(counted: list[tuple[str, bool]]) -> None:
    found, _ = made(1.0, 1)
    for address, is_whole in counted:
        found.count(address, 1.0 if is_whole else strikes.LEFT_WEIGHT)
    for address in {"a", "b", "c", "d"} - {each for each, _ in counted}:
        assert found.wait_s(address, 10**6) == 0


def test_of_many_addresses_the_one_struck_least_lately_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strikes, "ADDRESSES_MAX", 3)
    found, _ = made(0.1, 1)
    for address in ("a", "b", "c", "a", "d"):
        found.count(address)
    assert list(found._until_s) == ["c", "a", "d"]
    assert found.wait_s("b", 9) == 0 < found.wait_s("a", 9)


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_a_64_of_ipv6_is_one_address(address: ipaddress.IPv6Address, other: int) -> None:
    neighbour = ipaddress.IPv6Address(int(address) >> 64 << 64 | other)
    if address.ipv4_mapped is None and neighbour.ipv4_mapped is None:
        assert network_of(str(address)) == network_of(str(neighbour))
        assert network_of(f"{address}%eth0") == network_of(str(address))


@given(st.ip_addresses(v=4))
def test_of_ipv4_each_is_one_also_within_ipv6(address: ipaddress.IPv4Address) -> None:
    assert network_of(str(address)) == network_of(f"::ffff:{address}") == str(address)


@given(st.text())
def test_what_is_no_address_stands_for_itself(text: str) -> None:
    assert isinstance(network_of(text), str)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["enter", "in", "known", "strike", "leave"])),
        max_size=80,
    )
)
def test_the_doorman_forgets_who_has_left_but_for_strikes(steps: list[tuple[int, str]]) -> None:
    doorman = Doorman(Limits(), Clock())
    here: dict[int, Visit] = {}
    for number, step in steps:
        visit = here.get(number)
        if step == "enter" and visit is None:
            entered = doorman.enter(f"10.0.0.{number % 2}")
            assert entered is not None
            here[number] = entered
        elif visit is None:
            continue
        elif step == "in" and visit.is_waiting:
            visit.come_in()
        elif step == "known" and not visit.is_waiting:
            visit.known()
        elif step == "strike" and not visit.is_waiting:
            visit.strike()
        elif step == "leave":
            here.pop(number).leave()
            visit.leave()  # said again it changes nothing
        strangers = [each for each in here.values() if each.is_stranger]
        assert doorman._count == len(here)
        assert doorman._strangers.total() == len(strangers)
        assert doorman._inside.total() == sum(not each.is_waiting for each in strangers)
    for visit in here.values():
        visit.leave()
    assert (doorman._count, doorman._strangers, doorman._inside) == (0, {}, {})


def weight(*steps: str) -> float:
    """How much of a strike a visit is worth that goes like this, and then leaves."""
    clock = Clock()
    doorman = Doorman(Limits(strikes_per_second=1.0), clock)
    visit = doorman.enter("a")
    assert visit is not None
    for step in steps:
        getattr(visit, step)()
    visit.leave()
    return doorman._strikes._until_s.get("a", 0.0)


def test_what_a_visit_is_worth() -> None:
    assert weight() == 0.0, "it waited, and nothing was done for it"
    assert weight("come_in", "known") == 0.0
    assert weight("come_in") == strikes.LEFT_WEIGHT
    assert weight("come_in", "strike", "strike") == 1.0
    assert weight("come_in", "known", "strike") == 1.0


def test_lines_of_a_kind_are_written_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    say = Seldom(logging.getLogger("seldom"), clock)
    for number in range(1000):
        say("line %d", number)
    clock.now_s += SECONDS
    say("line %d", 1000)
    assert caplog.messages == ["line 0", "line 1000 (999 lines like this were left out)"]
