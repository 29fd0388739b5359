"""What an operator may change of a gateway's limits, and rates."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError
from gateway.devices.doorman import Doorman
from gateway.devices.limits import Limits, Rate, limits_of


def test_limits_are_changed_by_name() -> None:
    changed = limits_of(["connections_max=7", "slow_seconds=0.5"])
    assert changed == Limits(connections_max=7, slow_seconds=0.5)
    assert limits_of([]) == Limits()


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "connections_max",
        "connections_max=",
        "connections_max=1.5",
        "x=1",
        "slow_seconds=nan",
        "pong_seconds=30",
    ],
)
@pytest.mark.parametrize("more", [[], ["hello_seconds=0"], ["hello_seconds=-1"], ["hello_seconds=inf"]])
def test_what_is_no_limit_is_told_in_words(setting: str, more: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="the limit"):
        limits_of([setting, *more])


@given(
    st.floats(1, 1e4),
    st.floats(0.1, 10),
    st.lists(st.floats(0, 0.1), min_size=1, max_size=200),
)
def test_never_does_more_come_than_the_rate_and_one_burst(
    per_second: float, burst_s: float, pauses_s: list[float]
) -> None:
    rate, now_s, count = Rate(per_second, burst_s), 0.0, 0
    for pause_s in pauses_s:
        now_s += pause_s
        count += rate.may_count(now_s)
        assert count <= (burst_s + now_s) * per_second + 2


@given(st.floats(1, 1e4), st.floats(0.1, 10))
def test_who_waits_as_long_as_is_said_may_come(per_second: float, burst_s: float) -> None:
    rate, now_s = Rate(per_second, burst_s), 0.0
    for _ in range(100):
        now_s += rate.count(now_s)
    assert now_s == pytest.approx(max(0.0, 100 / per_second - burst_s), abs=1e-6)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["enter", "know", "leave"]))))
def test_the_doorman_counts_strangers_of_each_address_and_everybody(steps: list[tuple[str, str]]) -> None:
    doorman = Doorman(Limits(connections_max=4, strangers_max=2))
    inside: list[tuple[str, object, list[bool]]] = []
    for address, step in steps:
        found = next((each for each in inside if each[0] == address), None)
        if step == "enter":
            strangers = sum(1 for each in inside if each[0] == address and each[2][0])
            visit = doorman.enter(address)
            assert (visit is not None) == (len(inside) < 4 and strangers < 2)
            if visit is not None:
                inside.append((address, visit, [True]))
        elif found is not None and step == "know":
            found[1].known()  # type: ignore[attr-defined]
            found[2][0] = False
        elif found is not None:
            found[1].leave()  # type: ignore[attr-defined]
            inside.remove(found)
    for _, visit, _ in inside:
        visit.leave()  # type: ignore[attr-defined]
    assert (doorman._count, doorman._strangers) == (0, {})


def test_the_operators_page_has_every_limit_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for name, value in asdict(Limits()).items():
        assert f"| `{name}` | {value:g} |" in page.replace("1048576", "1.04858e+06"), name
