"""How far each muscle group has recovered since it was trained.

Full recovery takes two days after an exercise whose primary movers it is (American College of Sports Medicine
2009: 48 to 72 hours between sessions of a muscle group), one after those where it only helps.
"""

from __future__ import annotations

from collections.abc import Sequence

from coach.catalogue import NO_MORE, More, meanings
from domain.sets import PastSet

PRIMARY_MS = 48 * 3_600_000
SECONDARY_MS = 24 * 3_600_000
SETS_MIN = 2  # fewer of a muscle tire it little


def recovery(history: Sequence[PastSet], session: str, at_ms: int, more: More = NO_MORE) -> dict[str, float]:
    """Of the muscles trained lately in other sessions than `session`, the share recovered, 0 to below 1.

    `history` is in the order of time.
    """
    since: dict[str, list[tuple[int, int]]] = {}
    for past in reversed(history):
        if past.start_ms < at_ms - PRIMARY_MS:
            break
        if past.session == session or past.end_ms > at_ms:
            continue
        for meaning in meanings(past.exercise, more)[:1]:
            for muscle in meaning.muscles:
                needed_ms = PRIMARY_MS if muscle in meaning.primary else SECONDARY_MS
                since.setdefault(muscle, []).append((past.end_ms, needed_ms))
    shares = {
        muscle: min(max(0, at_ms - end_ms) / needed_ms for end_ms, needed_ms in sets)
        for muscle, sets in since.items()
        if len(sets) >= SETS_MIN
    }
    return {muscle: share for muscle, share in shares.items() if share < 1}


def readiness(exercise: str, recovered: dict[str, float], more: More = NO_MORE) -> float:
    """The least recovered of an exercise's primary muscles, 1 if all are or nothing is known of it."""
    return min(
        (recovered.get(muscle, 1.0) for each in meanings(exercise, more)[:1] for muscle in each.primary),
        default=1.0,
    )
