"""A user's personal bests, kept for longer than the history that the coach looks back on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from domain.strength import maximum_kg

BESTS_MAX = 128  # exercises; the one that was bettered longest ago makes room


class Best(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """The heaviest weight, the most repetitions without one, the highest estimated maximum; 0 if none."""

    weight_kg: float = 0.0
    repetitions: int = 0
    maximum_kg: float = 0.0


NO_BEST = Best()


def best_with(best: Best | None, done: Iterable[tuple[int | None, float | None]]) -> Best | None:
    """`best` and sets of (repetitions, weight in kg); None if there is none with repetitions."""
    counting = [(repetitions, weight_kg) for repetitions, weight_kg in done if repetitions]
    if not counting:
        return best
    before = best or Best()
    lifted = [(repetitions, weight_kg) for repetitions, weight_kg in counting if weight_kg]
    return Best(
        weight_kg=max(before.weight_kg, *(kg for _, kg in lifted), 0.0),
        repetitions=max(before.repetitions, *(count for count, kg in counting if not kg), 0),
        maximum_kg=max(before.maximum_kg, *(round(maximum_kg(kg, count), 2) for count, kg in lifted), 0.0),
    )


def bettered(
    bests: Mapping[str, Best], exercise: str, repetitions: int | None, weight_kg: float | None
) -> Mapping[str, Best]:
    """The bests after a confirmed set, the very same if it was none; who repeated nothing lifted nothing."""
    if not repetitions:
        return bests
    best = bests.get(exercise, Best())
    if weight_kg:
        after = Best(
            weight_kg=max(best.weight_kg, weight_kg),
            repetitions=best.repetitions,
            maximum_kg=max(best.maximum_kg, round(maximum_kg(weight_kg, repetitions), 2)),
        )
    else:
        after = msgspec.structs.replace(best, repetitions=max(best.repetitions, repetitions))
    if after == best:
        return bests
    others = {name: kept for name, kept in bests.items() if name != exercise}
    return dict([*others.items(), (exercise, after)][-BESTS_MAX:])
