"""How far each muscle group has recovered since it was trained.

Full recovery takes two days after an exercise whose primary movers it is (American College of Sports Medicine
2009: 48 to 72 hours between sessions of a muscle group), one after those where it only helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from coach.catalogue import NO_MORE, More, meanings
from domain.sets import PastSet

PRIMARY_MS = 48 * 3_600_000
SECONDARY_MS = 24 * 3_600_000
SETS_MIN = 2  # fewer of a muscle tire it little


def recovery(history: Sequence[PastSet], session: str, at_ms: int, more: More = NO_MORE) -> dict[str, float]:
    """Of the muscles trained lately in other sessions than `session`, the share recovered, 0 to below 1.

    `history` is in the order of time.
    """
    shares: dict[str, float] = {}
    counts: dict[str, int] = {}
    for past in reversed(history):
        if past.start_ms < at_ms - PRIMARY_MS:
            break
        if past.session == session or past.end_ms > at_ms:
            continue
        for muscle, needed_ms in _tired(past.exercise, more) if more else _known_tired(past.exercise):
            share = (at_ms - past.end_ms) / needed_ms
            counts[muscle] = counts.get(muscle, 0) + 1
            if share < shares.get(muscle, 1.0):
                shares[muscle] = share
    return {muscle: share for muscle, share in shares.items() if counts[muscle] >= SETS_MIN}


def readiness(exercise: str, recovered: dict[str, float], more: More = NO_MORE) -> float:
    """The least recovered of an exercise's primary muscles, 1 if all are or nothing is known of it."""
    return min(
        (recovered.get(muscle, 1.0) for each in meanings(exercise, more)[:1] for muscle in each.primary),
        default=1.0,
    )


def _tired(exercise: str, more: More) -> tuple[tuple[str, int], ...]:
    """The muscles that an exercise trains, with how long each takes to recover."""
    return tuple(
        (muscle, PRIMARY_MS if muscle in meaning.primary else SECONDARY_MS)
        for meaning in meanings(exercise, more)[:1]
        for muscle in meaning.muscles
    )


@lru_cache(maxsize=4096)
def _known_tired(exercise: str) -> tuple[tuple[str, int], ...]:
    return _tired(exercise, NO_MORE)
