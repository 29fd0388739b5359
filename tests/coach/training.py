"""Histories of training for the coach's tests."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from domain.commands import REPETITIONS_MAX, WEIGHT_KG_MAX
from domain.identifiers import SessionId
from domain.sets import PastSet

DAY_MS = 86_400_000
MONDAY_MS = 4 * DAY_MS + 18 * 3_600_000  # 5 January 1970, 18:00


def done(
    exercise: str,
    session: str = "s1",
    repetitions: int | None = 8,
    weight_kg: float | None = 20.0,
    *,
    at_ms: int = MONDAY_MS,
    place: str | None = None,
    utc_offset_min: int = 0,
) -> PastSet:
    return PastSet(
        session=SessionId(session),
        start_ms=at_ms,
        end_ms=at_ms + 30_000,
        exercise=exercise,
        repetitions=repetitions,
        weight_kg=weight_kg,
        place=place,
        utc_offset_min=utc_offset_min,
    )


def workout(day: int, *sets: tuple[str, int | None, float | None], place: str | None = None) -> list[PastSet]:
    """A session on that day, a set every two minutes."""
    return [
        done(name, f"s{day}", count, kg, at_ms=MONDAY_MS + day * DAY_MS + nr * 120_000, place=place)
        for nr, (name, count, kg) in enumerate(sets)
    ]


def several(days: Sequence[int], *sets: tuple[str, int | None, float | None]) -> list[PastSet]:
    return [past for day in days for past in workout(day, *sets)]


def histories(names: Sequence[str], max_size: int = 40) -> st.SearchStrategy[list[PastSet]]:
    """Any sets at all, in any order of times and sessions."""
    return st.lists(
        st.builds(
            done,
            st.sampled_from(names),
            st.sampled_from(["s1", "s2", "s3"]),
            st.none() | st.integers(0, REPETITIONS_MAX),
            st.none() | st.floats(0, WEIGHT_KG_MAX),
            at_ms=st.integers(0, 60 * DAY_MS),
            place=st.none() | st.sampled_from(["home", "gym"]),
        ),
        max_size=max_size,
    )
