"""What is prescribed for today and still to be done: it comes before anything else that is suggested."""

from __future__ import annotations

from collections import Counter

from coach.choice import is_allowed
from coach.suggestion import Situation, Suggestion
from domain.care import Care
from domain.programme import Prescription
from domain.progress import day_of, week_of

REST_S = 60  # between sets of a programme


def due(care: Care, situation: Situation) -> tuple[Suggestion, ...]:
    """The prescribed sets that are left for today, in the programme's order, one exercise after the other.

    Nothing of what the user excludes or refused today, and nothing of an exercise that was done on as many
    days of this week as prescribed.
    """
    return tuple(
        _suggestion(each, situation)
        for each in care.programme.prescriptions
        if is_allowed(each.exercise, situation.training) and each.exercise not in situation.refused
        for _ in range(_left_today(each, care, situation))
    )


def _left_today(prescription: Prescription, care: Care, situation: Situation) -> int:
    offset_min = situation.training.utc_offset_min
    today, week = day_of(situation.at_ms, offset_min), week_of(situation.at_ms, offset_min)
    days = Counter(
        day_of(each.start_ms, offset_min)
        for each in care.progress.sets
        if each.exercise == prescription.exercise and week_of(each.start_ms, offset_min) == week
    )
    earlier = sum(1 for day in days if day != today)
    return 0 if earlier >= prescription.days_per_week else max(0, prescription.set_count - days[today])


def _suggestion(prescription: Prescription, situation: Situation) -> Suggestion:
    weight_kg = next(
        (past.weight_kg for past in reversed(situation.history) if past.exercise == prescription.exercise),
        None,
    )
    return Suggestion(
        exercise=prescription.exercise,
        weight_kg=weight_kg,
        repetitions=prescription.repetitions,
        rest_s=REST_S,
        reason="prescribed",
    )
