"""Where a device connects: what it was given, where it is redirected to, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from edge.addresses import REDIRECTS_MAX, Addresses

A, B, C = "ws://a:8081/", "ws://b:8081/", "ws://c:8081/"


def welcomed(*urls: str) -> Addresses:
    addresses = Addresses(urls)
    addresses.welcomed()
    return addresses


def ended(addresses: Addresses, *, is_leaving: bool = False) -> tuple[bool, str]:
    return addresses.ended(is_leaving=is_leaving), addresses.url


def redirected(addresses: Addresses, url: str) -> tuple[bool, str]:
    addresses.redirected(url)
    assert addresses.is_redirected
    return ended(addresses)


def test_addresses_that_do_not_answer_are_tried_in_turn() -> None:
    addresses = Addresses((A, B, C))
    assert [addresses.url] + [ended(addresses)[1] for _ in range(5)] == [A, B, C, A, B, C]
    assert addresses.failures == 5


def test_after_a_break_a_device_comes_back_to_where_it_was() -> None:
    addresses = welcomed(A, B)
    assert ended(addresses) == (False, A)
    assert addresses.failures == 0
    assert ended(addresses) == (False, B)
    assert addresses.failures == 1


def test_a_server_that_goes_away_is_left_for_the_next() -> None:
    addresses = welcomed(A, B)
    assert ended(addresses, is_leaving=True) == (False, B)
    assert addresses.failures == 0


@pytest.mark.parametrize("is_welcome", [True, False])
def test_a_redirect_is_followed_at_once(is_welcome: bool) -> None:
    addresses = welcomed(A) if is_welcome else Addresses((A,))
    assert redirected(addresses, C) == (True, C)
    assert not addresses.is_redirected
    addresses.welcomed()
    assert ended(addresses) == (False, C)  # only the connection broke
    assert addresses.failures == 0


def test_a_target_that_does_not_answer_is_left_for_the_configured_addresses() -> None:
    addresses = welcomed(A, B)
    redirected(addresses, C)
    assert ended(addresses) == (False, A)
    assert addresses.failures == 1
    assert redirected(addresses, C) == (True, C)
    assert ended(addresses) == (False, A)
    assert addresses.failures == 2  # no welcome between: pauses grow


def test_where_a_device_was_at_home_it_asks_too() -> None:
    """The configured addresses may be gone for good while the node that was learned of comes back."""
    addresses = Addresses((A, B))
    redirected(addresses, C)
    addresses.welcomed()
    ended(addresses)
    assert [ended(addresses)[1] for _ in range(4)] == [A, B, C, A]
    redirected(addresses, "ws://d")
    addresses.welcomed()
    ended(addresses)
    assert [ended(addresses)[1] for _ in range(4)] == [A, B, "ws://d", A]


def test_redirects_in_a_circle_end_in_a_pause_and_at_home() -> None:
    addresses = welcomed(A)
    for number in range(REDIRECTS_MAX):
        assert redirected(addresses, (B, C)[number % 2])[0]
    assert redirected(addresses, C) == (False, A)
    assert addresses.failures == 1
    assert redirected(addresses, B) == (True, B)  # counted anew after the pause


def test_redirects_with_a_welcome_between_go_on() -> None:
    addresses = welcomed(A)
    for number in range(3 * REDIRECTS_MAX):
        assert redirected(addresses, (B, C)[number % 2])[0]
        addresses.welcomed()


@pytest.mark.parametrize(
    "target",
    ["", "c:1", "http://c/", "ws://", "ws:///path", "ws://c:0/", "ws://c:70000/", "ws://[",
     "ws://" + "c" * 64],
)  # fmt: skip
def test_a_redirect_to_nowhere_is_a_failure(target: str) -> None:
    addresses = welcomed(A)
    assert redirected(addresses, target) == (False, A)
    assert addresses.failures == 1
    with pytest.raises(InvalidInput, match="the addresses"):
        Addresses((target,))


def test_without_an_address_there_is_no_device() -> None:
    with pytest.raises(InvalidInput, match="none"):
        Addresses(())


def test_a_token_that_travels_encrypted_is_not_taken_where_it_would_not() -> None:
    addresses = welcomed("wss://a")
    assert redirected(addresses, "ws://b") == (False, "wss://a")
    assert redirected(addresses, "wss://b") == (True, "wss://b")
    assert redirected(welcomed("ws://a"), "wss://b") == (True, "wss://b")


@given(st.lists(st.sampled_from(["welcomed", "ended", "leaving", A, B, C, "bad"]), max_size=60))
def test_there_is_always_an_address_to_go_to(steps: list[str]) -> None:
    addresses, at_once = Addresses((A, B)), 0
    for step in steps:
        if step == "welcomed":
            addresses.welcomed()
            at_once = 0
        elif step in ("ended", "leaving"):
            at_once = at_once + 1 if ended(addresses, is_leaving=step == "leaving")[0] else 0
        else:
            addresses.redirected(step)
        assert addresses.url in (A, B, C)
        assert at_once <= REDIRECTS_MAX


def test_a_device_waits_as_long_as_a_server_says_and_no_longer_than_is_sensible() -> None:
    addresses = Addresses([A, B])
    addresses.welcomed()
    addresses.redirected(B, 700)
    assert addresses.ended(is_leaving=True)
    assert (addresses.url, addresses.wait_s) == (B, 0.7)
    addresses.welcomed()
    assert not addresses.ended(is_leaving=False)
    assert (addresses.url, addresses.wait_s) == (B, 0.0)  # it was told once
    for told_ms, wait_s in ((10**9, 60.0), (-5, 0.0)):
        addresses.told_to_wait(told_ms)
        addresses.ended(is_leaving=True)
        assert addresses.wait_s == wait_s
