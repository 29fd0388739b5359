"""What a user did of a programme: the latest sets one by one, older ones summed up by week and exercise.

A set is heard of several times, perhaps by several devices: recognised, measured, confirmed. What overlaps is
one set, and what the user confirmed holds. In which order these come makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from domain.programme import Programme

SETS_KEPT_MAX = 64
WEEKS_KEPT_MAX = 96  # each of one exercise
DAY_MS = 86_400_000
_MONDAY = 3  # 1970 began on a Thursday


class DoneSet(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A set of a prescribed exercise. None is not known: not measured, or no repetitions confirmed."""

    session: str
    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int | None
    is_confirmed: bool = False
    within: int | None = None
    reach_share: float | None = None


class DoneWeek(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """An exercise in a week, `week` since the one of 1970-01-01. `reach_share`: mean of `reach_sets` sets.

    `prescribed` are the sets that the programme of that time wanted; of `measured` repetitions `within` kept
    its bounds.
    """

    exercise: str
    week: int
    prescribed: int
    set_count: int
    day_count: int
    repetitions: int
    measured: int
    within: int
    reach_share: float
    reach_sets: int


class Progress(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """`sets` by their start, `weeks` by week and exercise."""

    sets: tuple[DoneSet, ...] = ()
    weeks: tuple[DoneWeek, ...] = ()


def week_of(at_ms: int, offset_min: int) -> int:
    """The number of the week, from Monday, by a clock that is `offset_min` minutes ahead of UTC."""
    return (day_of(at_ms, offset_min) + _MONDAY) // 7


def day_of(at_ms: int, offset_min: int) -> int:
    return (at_ms + offset_min * 60_000) // DAY_MS


def done(progress: Progress, programme: Programme, fresh: DoneSet, *, offset_min: int) -> Progress:
    """The progress after `fresh` was heard of, which may be more of a set that is known."""
    same = [known for known in progress.sets if _overlap(known, fresh)]
    merged = fresh
    for known in same:
        merged = _merged(known, merged)
    others = [known for known in progress.sets if known not in same]
    if programme.of(merged.exercise) is not None:
        others.append(merged)
    sets = tuple(sorted(others, key=lambda each: (each.start_ms, each.session)))
    progress = replace(progress, sets=sets)
    if len(sets) <= SETS_KEPT_MAX:
        return progress
    return folded(progress, programme, week_of(sets[0].start_ms, offset_min) + 1, offset_min=offset_min)


def undone(progress: Progress, session: str, start_ms: int, end_ms: int) -> Progress:
    """The progress after the user said that no set was done in that time."""
    none = DoneSet(session=session, start_ms=start_ms, end_ms=end_ms, exercise="", repetitions=None)
    kept = tuple(known for known in progress.sets if not _overlap(known, none))
    return replace(progress, sets=kept)


def folded(progress: Progress, programme: Programme, before_week: int, *, offset_min: int) -> Progress:
    """The progress in which the sets of weeks before `before_week` are summed up."""
    old = [each for each in progress.sets if week_of(each.start_ms, offset_min) < before_week]
    weeks = {(week.week, week.exercise): week for week in progress.weeks}
    for week in weeks_of(old, programme, offset_min=offset_min):
        key = week.week, week.exercise
        weeks[key] = added(weeks[key], week) if key in weeks else week
    kept = sorted(weeks.items())[-WEEKS_KEPT_MAX:]
    return Progress(sets=progress.sets[len(old) :], weeks=tuple(week for _, week in kept))


def weeks_of(sets: Iterable[DoneSet], programme: Programme, *, offset_min: int) -> list[DoneWeek]:
    """`sets` summed up by week and exercise, in that order."""
    groups: dict[tuple[int, str], list[DoneSet]] = {}
    for each in sets:
        groups.setdefault((week_of(each.start_ms, offset_min), each.exercise), []).append(each)
    return [_summed(week, of_week, programme, offset_min) for (week, _), of_week in sorted(groups.items())]


def empty_week(programme: Programme, exercise: str, week: int) -> DoneWeek:
    """A week in which nothing was done of `exercise`."""
    return DoneWeek(
        exercise=exercise,
        week=week,
        prescribed=prescribed_sets(programme, exercise),
        set_count=0,
        day_count=0,
        repetitions=0,
        measured=0,
        within=0,
        reach_share=0.0,
        reach_sets=0,
    )


def week_start_ms(week: int, offset_min: int) -> int:
    """When a week begins by a clock that is `offset_min` minutes ahead of UTC."""
    return (week * 7 - _MONDAY) * DAY_MS - offset_min * 60_000


def prescribed_sets(programme: Programme, exercise: str) -> int:
    """How many sets of `exercise` a week is to have."""
    prescription = programme.of(exercise)
    return 0 if prescription is None else prescription.set_count * prescription.days_per_week


def added(week: DoneWeek, late: DoneWeek) -> DoneWeek:
    """A week with sets that became known when it had been summed up; they count as of days of their own."""
    reach_sets = week.reach_sets + late.reach_sets
    reach = week.reach_share * week.reach_sets + late.reach_share * late.reach_sets
    return replace(
        week,
        set_count=week.set_count + late.set_count,
        day_count=min(7, week.day_count + late.day_count),
        repetitions=week.repetitions + late.repetitions,
        measured=week.measured + late.measured,
        within=week.within + late.within,
        reach_share=reach / reach_sets if reach_sets else 0.0,
        reach_sets=reach_sets,
    )


def _summed(week: int, sets: list[DoneSet], programme: Programme, offset_min: int) -> DoneWeek:
    shares = [each.reach_share for each in sets if each.reach_share is not None]
    measured = [each for each in sets if each.within is not None]
    return DoneWeek(
        exercise=sets[0].exercise,
        week=week,
        prescribed=prescribed_sets(programme, sets[0].exercise),
        set_count=len(sets),
        day_count=len({day_of(each.start_ms, offset_min) for each in sets}),
        repetitions=sum(each.repetitions or 0 for each in sets),
        measured=sum(each.repetitions or 0 for each in measured),
        within=sum(each.within or 0 for each in measured),
        reach_share=sum(shares) / len(shares) if shares else 0.0,
        reach_sets=len(shares),
    )


def _overlap(one: DoneSet, other: DoneSet) -> bool:
    """Whether both are one set: nobody does two at once, but the clocks of two devices may differ."""
    shared_ms = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    if one.session == other.session:
        return shared_ms > 0 or one.start_ms == other.start_ms
    return 2 * shared_ms > max(one.end_ms - one.start_ms, other.end_ms - other.start_ms)


def _merged(one: DoneSet, other: DoneSet) -> DoneSet:
    """What two tell of one set: what was confirmed holds, figures are of whoever has them."""
    first, second = (other, one) if other.is_confirmed and not one.is_confirmed else (one, other)
    repetitions = second.repetitions if first.repetitions is None else first.repetitions
    within = second.within if first.within is None else first.within
    share = second.reach_share if first.reach_share is None else first.reach_share
    if within is not None and repetitions is not None:
        within = min(within, repetitions)
    return replace(first, repetitions=repetitions, within=within, reach_share=share)
