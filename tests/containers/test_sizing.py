"""The table of machines and costs, and that the documented one is what the program prints."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sizing import USERS, Assumed, Measured, markdown, size

DOCS = Path(__file__).parents[2] / "docs" / "cassandra-production.md"


def test_the_documented_tables_are_what_it_prints() -> None:
    text = DOCS.read_text()
    for kept_days in (30, 365):
        table = markdown([size(users, Measured(), Assumed(kept_days=kept_days)) for users in USERS])
        assert table in text, "run `python -m benchmarks.sizing` and copy what it prints"


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_more_users_never_need_less(one: int, other: int) -> None:
    fewer, more = (size(users, Measured(), Assumed()) for users in sorted((one, other)))
    assert fewer.cassandra_nodes <= more.cassandra_nodes
    assert fewer.nodes <= more.nodes
    assert fewer.on_demand <= more.on_demand


@given(st.integers(1, 10**7))
def test_a_ring_is_never_smaller_than_its_copies_and_spot_never_dearer(users: int) -> None:
    found = size(users, Measured(), Assumed())
    assert found.cassandra_nodes >= 3
    assert found.nodes >= 3  # one may be lost, and one upgraded
    assert found.with_spot <= found.on_demand


def test_what_is_kept_longer_takes_more_disks_and_no_more_cpu() -> None:
    short, long = (size(10**6, Measured(), Assumed(kept_days=days)) for days in (30, 365))
    assert long.data_tb > 5 * short.data_tb
    assert long.decided_by == "disk"
    assert long.nodes == short.nodes


def test_it_follows_from_the_figures() -> None:
    """A million users, three hours a week, two sensors, three times the average at the peak."""
    found = size(10**6, Measured(), Assumed())
    assert found.at_once == round(3e6 / 168 * 3)
    assert found.frames_per_s == round(3e6 / 168 * 3 * 2)
    samples = 3e6 * 2 * 0.98 * 2**20 * 30 / 7 * 3
    assert samples / 1e12 < found.data_tb < 2 * samples / 1e12
