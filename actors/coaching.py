"""A user's coach: habits kept up with the state's history, and what they advise.

The habits are a function of the history, so nothing of them is stored: they are learned again when a user who
trains is first asked about, which takes some 15 ms for a full history, and forgotten with the last session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coach.habits import Habits, in_order, learned, learned_all
from coach.prescribed import due
from coach.records import records, streak_weeks, volume_kg
from coach.suggestion import Situation, Suggestion, expected_exercises, plan_session, suggest
from coach.week import plan_week
from domain.commands import Suggest
from domain.events import (
    Event,
    FrameReceived,
    LabelConfirmed,
    ProfileEvent,
    ProgrammeSet,
    SessionClosed,
    SessionOpened,
    SetRecognised,
    SuggestionAnswered,
    TrainingSet,
)
from domain.identifiers import SessionId
from domain.replies import CoachReply, PlannedDay, PlannedSet, RecordBroken, SessionPlanned, SessionSummed
from domain.user import HISTORY_MAX, PastSet, User


@dataclass(frozen=True)
class _Learned:
    """The habits after `history`, as it arrived and by time, for a clock so far from UTC.

    They are kept packed: a host has thousands of users with an open session.
    """

    history: tuple[PastSet, ...]
    ordered: tuple[PastSet, ...]
    offset_min: int
    packed: bytes

    @property
    def habits(self) -> Habits:
        return Habits.unpacked(self.packed)


class Coaching:
    """Asked by a user's entity with its state; remembers only what it can learn again."""

    __slots__ = ("_learned",)

    def __init__(self) -> None:
        self._learned: _Learned | None = None

    def happened(self, before: User, after: User, event: Event) -> Sequence[Suggest | CoachReply]:
        """Learn from an event, and say what there is to say about it.

        A session that begins is planned, one that ends summed up; advice follows a set and what was refused.
        """
        if isinstance(event, FrameReceived | ProfileEvent | ProgrammeSet):
            return ()
        session = after.sessions.get(event.session)
        if session is None:
            return ()
        match event:
            case LabelConfirmed():
                self._learn(before, after)
                return _broken(before, after, event)
            case SessionClosed():
                summed = _summed(after, event)
                if all(each.closed for each in after.sessions.values()):
                    self._learned = None
                return summed
            case _ if session.closed:
                return ()
            case SessionOpened():
                return self._plan(after, event.session, event.at_ms, with_week=False)
            case TrainingSet():
                return self._plan(after, event.session, event.training.at_ms, with_week=True)
            case SetRecognised():
                return self._advice(after, event.session, event.end_ms, event)
            case SuggestionAnswered() if event.command_nr is not None:
                return self._advice(after, event.session, event.at_ms, None)
        return ()

    def expected(
        self, user: User, name: SessionId, at_ms: int, last: SetRecognised | None
    ) -> dict[str, float]:
        """How probable each exercise is next, for a recogniser."""
        return expected_exercises(self._situation(user, name, at_ms, last)) if user.history else {}

    def _advice(
        self, user: User, name: SessionId, at_ms: int, last: SetRecognised | None
    ) -> Sequence[Suggest]:
        """What to do next in a session, after `last`, which nobody may have confirmed yet."""
        situation = self._situation(user, name, at_ms, last)
        found = next(iter(due(user.care, situation)), None) or suggest(situation)
        if found is None:
            return ()
        advice = Suggest(
            session=name,
            at_ms=at_ms,
            exercise=found.exercise,
            weight_kg=found.weight_kg,
            repetitions=found.repetitions,
            reason=found.reason,
            rest_s=found.rest_s,
        )
        return (advice,)

    def _plan(self, user: User, name: SessionId, at_ms: int, *, with_week: bool) -> Sequence[SessionPlanned]:
        """The whole of a session, if there is anything to plan it from; the week takes some 30 ms more."""
        situation = self._situation(user, name, at_ms, None)
        sets = tuple(_planned(each) for each in (*due(user.care, situation), *plan_session(situation)))
        if not sets:
            return ()
        days = plan_week(situation) if with_week else ()
        week = tuple(PlannedDay(at_ms=day.at_ms, exercises=day.exercises) for day in days)
        return (SessionPlanned(session=name, at_ms=at_ms, sets=sets, week=week),)

    def _learn(self, before: User, after: User) -> None:
        """Learn the confirmed set if it is the latest; otherwise all are learned again when it matters."""
        known, past = self._learned, after.history[-1]
        if known is None:
            return
        is_known = known.history is before.history
        if is_known and all(each.start_ms < past.start_ms for each in known.ordered[-1:]):
            habits = learned(known.habits, past, offset_min=known.offset_min)
            ordered = (*known.ordered, past)[-HISTORY_MAX:]
            self._learned = _Learned(after.history, ordered, known.offset_min, habits.packed())

    def _situation(self, user: User, name: SessionId, at_ms: int, last: SetRecognised | None) -> Situation:
        known = self._known(user)
        habits, history = known.habits, known.ordered
        if last is not None and not _is_confirmed(history, last):
            past = _unconfirmed(user, last)
            if habits.symbol_of(past.exercise) is not None:  # a name nobody ever confirmed is no habit
                habits = learned(habits, past, offset_min=user.training.utc_offset_min)
            history = (*history, past)
        return Situation(
            habits=habits,
            history=history,
            training=user.training,
            session=name,
            at_ms=at_ms,
            refused=user.sessions[name].refused,
            declined=user.declined,
        )

    def _known(self, user: User) -> _Learned:
        offset_min = user.training.utc_offset_min
        known = self._learned
        if known is None or known.history is not user.history or known.offset_min != offset_min:
            habits = learned_all(user.history, offset_min=offset_min)
            ordered = in_order(user.history)
            known = self._learned = _Learned(user.history, ordered, offset_min, habits.packed())
        return known


def _broken(before: User, after: User, event: LabelConfirmed) -> Sequence[RecordBroken]:
    return [
        RecordBroken(
            session=event.session, at_ms=event.end_ms, exercise=event.exercise, kind=kind, value=value
        )
        for kind, value in records(before.bests, after.bests, event.exercise)
    ]


def _summed(user: User, event: SessionClosed) -> Sequence[SessionSummed]:
    """Of a session with confirmed sets."""
    confirmed = [past for past in user.history if past.session == event.session]
    if not confirmed:
        return ()
    streak = streak_weeks(user.history, event.at_ms, offset_min=user.training.utc_offset_min)
    summed = SessionSummed(
        session=event.session,
        at_ms=event.at_ms,
        set_count=len(confirmed),
        volume_kg=volume_kg(confirmed),
        streak_weeks=streak,
    )
    return (summed,)


def _is_confirmed(history: tuple[PastSet, ...], found: SetRecognised) -> bool:
    """Whether the user has said already what this set was."""
    return any(
        past.session == found.session and past.start_ms < found.end_ms and found.start_ms < past.end_ms
        for past in reversed(history)
    )


def _unconfirmed(user: User, found: SetRecognised) -> PastSet:
    place = user.training.place
    return PastSet(
        session=found.session,
        start_ms=found.start_ms,
        end_ms=found.end_ms,
        exercise=found.exercise,
        repetitions=found.repetitions or None,
        weight_kg=None,
        place=None if place is None else place.name,
    )


def _planned(suggestion: Suggestion) -> PlannedSet:
    return PlannedSet(
        exercise=suggestion.exercise,
        weight_kg=suggestion.weight_kg,
        repetitions=suggestion.repetitions,
        rest_s=suggestion.rest_s,
    )
