"""What was done of a programme, by week and exercise, for whoever prescribed it. Figures, not judgements."""

from __future__ import annotations

from domain.care import Care
from domain.progress import DoneWeek, added, empty_week, week_of, weeks_of

WEEKS_MAX = 12


def adherence(care: Care, at_ms: int, *, offset_min: int) -> tuple[DoneWeek, ...]:
    """The latest WEEKS_MAX weeks until `at_ms`, oldest first, by a clock so far ahead of UTC.

    An exercise that is prescribed stands in each week since it was, also if nothing was done of it.
    """
    programme, this_week = care.programme, week_of(at_ms, offset_min)
    first = this_week - WEEKS_MAX + 1
    found = {(week.week, week.exercise): week for week in care.progress.weeks}
    for week in weeks_of(care.progress.sets, programme, offset_min=offset_min):
        key = week.week, week.exercise
        found[key] = added(found[key], week) if key in found else week
    for week_nr in range(max(first, week_of(programme.at_ms, offset_min)), this_week + 1):
        for each in programme.prescriptions:
            nothing = empty_week(programme, each.exercise, week_nr)
            found.setdefault((week_nr, each.exercise), nothing)
    return tuple(week for (number, _), week in sorted(found.items()) if first <= number <= this_week)
