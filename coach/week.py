"""The coming week: on which days, at what time, and what would be done then by habit, recovery and goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coach.planned import planned_days
from coach.suggestion import Situation, followed
from domain.sets import PastSet

DAY_MS = 86_400_000
USUAL_MS = 18 * 3_600_000  # of the day, for who has no usual time yet
WEEKS_MAX = 4  # that are looked back on
USUAL_SHARE = 0.5  # of those weeks had a session on that weekday


@dataclass(frozen=True, kw_only=True)
class PlannedDay:
    """A session: when it would begin, and its exercises in order."""

    at_ms: int
    exercises: tuple[str, ...]


def plan_week(situation: Situation) -> tuple[PlannedDay, ...]:
    """The sessions of the seven days after `situation`, whose own session is taken as planned.

    On the days that a plan names, else on the usual ones; empty for who has neither.
    """
    usual = usual_days(situation.history, situation.at_ms)
    if days := planned_days(situation.plan):
        usual_ms = next(iter(usual.values()), USUAL_MS)
        usual = {day: usual.get(day, usual_ms) for day in days}
    offset_ms = situation.training.utc_offset_min * 60_000
    today = (situation.at_ms + offset_ms) // DAY_MS
    for _, after in followed(situation):
        situation = after
    planned = []
    for day in range(today + 1, today + 8):
        of_day_ms = usual.get((day + 3) % 7)
        if of_day_ms is None:
            continue
        at_ms = day * DAY_MS + of_day_ms - offset_ms
        situation = replace(situation, session=f"planned-{day}", at_ms=at_ms, refused=())
        exercises = []
        for suggestion, after in followed(situation):
            exercises.append(suggestion.exercise)
            situation = after
        if exercises:
            planned.append(PlannedDay(at_ms=at_ms, exercises=tuple(dict.fromkeys(exercises))))
    return tuple(planned)


def usual_days(history: Sequence[PastSet], at_ms: int) -> dict[int, int]:
    """The usual weekdays, Monday is 0, with the median time of day at which sessions began, in ms.

    By the clock of where each session was: who travels trains at the usual time there.
    """
    begins: dict[str, int] = {}
    offsets_min: dict[str, int] = {}
    for past in history:
        if at_ms - WEEKS_MAX * 7 * DAY_MS <= past.start_ms < at_ms:
            begins[past.session] = min(past.start_ms, begins.get(past.session, past.start_ms))
            offsets_min[past.session] = past.utc_offset_min
    if not begins:
        return {}
    weeks = max(1, -(-(at_ms - min(begins.values())) // (7 * DAY_MS)))
    times: dict[int, list[int]] = {}
    for session, begin_ms in begins.items():
        day, of_day_ms = divmod(begin_ms + offsets_min[session] * 60_000, DAY_MS)
        times.setdefault((day + 3) % 7, []).append(of_day_ms)
    return {
        weekday: sorted(mine)[len(mine) // 2]
        for weekday, mine in times.items()
        if len(mine) / weeks >= USUAL_SHARE
    }
