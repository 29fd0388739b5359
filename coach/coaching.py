"""A user's coach: habits kept up with the state's history, and what they advise.

The habits are a function of the history, so nothing of them is stored: they are learned again when a user who
trains is first asked about, which takes some 15 ms for a full history, and forgotten with the last session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coach.catalogue import described
from coach.habits import Habits, learned, learned_all
from coach.newcomers import NO_GROUPS, Groups, Newcomer, newcomer
from coach.prescribed import due
from coach.records import records, streak_weeks, volume_kg
from coach.suggestion import Situation, Suggestion, expected_exercises, plan_session, suggest
from coach.week import plan_week
from domain.commands import CoachSite, Suggest
from domain.conflicts import overridden
from domain.events import (
    ConsentGiven,
    Event,
    FrameReceived,
    LabelConfirmed,
    LabelWithdrawn,
    PlanSet,
    ProfileEvent,
    ProgrammeSet,
    SessionClosed,
    SessionDeleted,
    SessionEvent,
    SessionOpened,
    SetRecognised,
    SuggestionAnswered,
    TrainingSet,
)
from domain.identifiers import SessionId
from domain.profile import Body, Profile
from domain.replies import CoachReply, PlannedDay, PlannedSet, RecordBroken, SessionPlanned, SessionSummed
from domain.sets import HISTORY_MAX, PastSet
from domain.training import Goal
from domain.user import User, best_of


@dataclass(frozen=True)
class _Learned:
    """The habits after `history`, kept packed: a host has thousands of users with an open session."""

    history: tuple[PastSet, ...]
    packed: bytes

    @property
    def habits(self) -> Habits:
        return Habits.unpacked(self.packed)


class HasGroups(Protocol):
    """Holds what the night learned, as it is now."""

    @property
    def groups(self) -> Groups: ...


class Coaching:
    """Asked with a user's state, at both sites; remembers only what it can learn again."""

    __slots__ = ("_groups", "_learned", "_site", "_who")

    def __init__(self, site: CoachSite = "server", groups: HasGroups | None = None) -> None:
        self._site = site
        self._groups = groups
        self._learned: _Learned | None = None
        self._who: tuple[Groups, Profile | None, Body, Goal | None, Newcomer] | None = None

    def happened(self, before: User, after: User, event: Event) -> Sequence[Suggest | CoachReply]:
        """Learn from an event, and say what there is to say about it.

        A session that begins is planned, one that ends summed up; advice follows a set and what was refused.
        """
        if isinstance(event, FrameReceived | ProfileEvent | ProgrammeSet | ConsentGiven | SessionDeleted):
            return ()
        session = after.sessions.get(event.session)
        if session is None:
            return ()
        match event:
            case LabelConfirmed():
                self._learn(before, after)
                return [*overridden(before, after, event), *_broken(before, after, event)]
            case LabelWithdrawn():
                return overridden(before, after, event)
            case SessionClosed():
                summed = _summed(after, event)
                if all(each.closed for each in after.sessions.values()):
                    self._learned = None
                return summed
            case TrainingSet() | PlanSet():
                told = overridden(before, after, event)
                return [*told, *self._advised(after, event)]
        return self._advised(after, event)

    def _advised(self, user: User, event: SessionEvent) -> Sequence[Suggest | CoachReply]:
        """What to do, after what asks for it, in a session that this coach is asked for."""
        session = user.sessions[event.session]
        if session.closed or session.coach != self._site:
            return ()
        match event:
            case SessionOpened():
                return self._plan(user, event.session, event.at_ms, with_week=False)
            case TrainingSet():
                at_ms = max(event.training.at_ms, session.opened_ms)  # wishes may be said again
                return self._plan(user, event.session, at_ms, with_week=True)
            case PlanSet():
                at_ms = max(event.plan.at_ms, session.opened_ms)
                return self._plan(user, event.session, at_ms, with_week=True)
            case SetRecognised():
                return self._advice(user, event.session, event.end_ms, event)
            case SuggestionAnswered() if event.is_refusal:
                return self._advice(user, event.session, event.at_ms, None)
        return ()

    def expected(
        self, user: User, name: SessionId, at_ms: int, last: SetRecognised | None
    ) -> dict[str, float]:
        """How probable each exercise is next, for a recogniser."""
        return expected_exercises(self._situation(user, name, at_ms, last))

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
        known, history = self._learned, after.history
        if known is None or known.history is not before.history or after.aside != before.aside:
            return
        is_longer = len(history) > len(before.history)
        earlier = before.history if is_longer else before.history[1:]
        if (is_longer or len(history) == HISTORY_MAX) and history[:-1] == earlier:
            self._learned = _Learned(history, learned(known.habits, history[-1]).packed())

    def _situation(self, user: User, name: SessionId, at_ms: int, last: SetRecognised | None) -> Situation:
        habits, history = self._known(user).habits, user.history
        own = described(user.own_exercises)
        groups = NO_GROUPS if self._groups is None else self._groups.groups
        if last is not None and not _is_confirmed(history, last):
            past = _unconfirmed(user, last)
            if habits.symbol_of(past.exercise) is not None:  # a name nobody ever confirmed is no habit
                habits = learned(habits, past)
            history = (*history, past)
        return Situation(
            habits=habits,
            history=history,
            training=user.training,
            session=name,
            at_ms=at_ms,
            refused=user.sessions[name].refused,
            declined=user.declined,
            plan=user.plan,
            newcomer=self._newcomer(groups, user, at_ms),
            more={**groups.accepted, **own} if own else groups.accepted,
        )

    def _newcomer(self, groups: Groups, user: User, at_ms: int) -> Newcomer:
        """Found anew once the user has told something, or the night has learned it."""
        known = self._who
        if (
            known is None
            or known[0] is not groups
            or known[1] is not user.profile
            or known[2] is not user.body
            or known[3] != user.training.goal
        ):
            goal = user.training.goal
            found = newcomer(groups, user.profile, user.body, goal, at_ms)
            known = self._who = groups, user.profile, user.body, goal, found
        return known[4]

    def _known(self, user: User) -> _Learned:
        known = self._learned
        if known is None or known.history is not user.history:
            known = self._learned = _Learned(user.history, learned_all(user.history).packed())
        return known


def _broken(before: User, after: User, event: LabelConfirmed) -> Sequence[RecordBroken]:
    return [
        RecordBroken(
            session=event.session, at_ms=event.end_ms, exercise=event.exercise, kind=kind, value=value
        )
        for kind, value in records(best_of(before, event.exercise), best_of(after, event.exercise))
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
        utc_offset_min=user.training.utc_offset_min,
    )


def _planned(suggestion: Suggestion) -> PlannedSet:
    return PlannedSet(
        exercise=suggestion.exercise,
        weight_kg=suggestion.weight_kg,
        repetitions=suggestion.repetitions,
        rest_s=suggestion.rest_s,
    )
