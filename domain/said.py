"""The pure rules of what a user says through the API: of no device's stream, known by when it was said.

What was said before, or was overtaken by what was said later, leads to nothing. So saying everything again
after a break is always right here too.
"""

from __future__ import annotations

from msgspec.structs import replace

from domain.care_commands import SetProgramme
from domain.commands import (
    ConfirmLabel,
    ContributeExercise,
    RefuseSuggestion,
    Replace,
    SayableCommand,
    SetPlan,
    SetTraining,
    Statement,
    WithdrawLabel,
)
from domain.contributed import contributed
from domain.deleting import check_not_deleted
from domain.errors import Overtaken, Rejected
from domain.events import Event, PlanSet, TrainingSet
from domain.happenings import taken
from domain.profile import profile_of
from domain.profile_commands import SetProfile
from domain.sets import HISTORY_MAX, NO_NUMBER, NOTHING, PastSet
from domain.state import Declined, User, settled_ms

SaidBy = tuple[str, str, int]


def decide_said(user: User, command: SayableCommand) -> tuple[Event, ...]:
    """The events that `command` leads to; none if it is known or was overtaken. Raises Rejected."""
    match command:
        case SetTraining():
            is_new = command.training.at_ms > user.training.at_ms
        case SetPlan():
            is_new = user.plan is None or command.plan.at_ms > user.plan.at_ms
        case ContributeExercise():
            is_new = contributed(user.own_exercises, command.exercise) != user.own_exercises
        case RefuseSuggestion():
            return _refused(user, command)
        case _:
            is_new = _is_new(user, command)
    return taken(command, None) if is_new else ()


def check_unchanged(user: User, command: Replace) -> None:
    """Raise Overtaken if what `command` replaces was replaced since; not if that was by itself."""
    now_ms, said_ms, is_held = _compared(user, command)
    # Something else of the same millisecond has overtaken it too: of the two, the first one holds.
    if not is_held if now_ms == said_ms else now_ms != command.seen_ms:
        raise Overtaken(
            f"it was replaced at {now_ms}",
            expected=f"what was said at {command.seen_ms}" if command.seen_ms else "nothing said yet",
            remedy="read it again, and decide anew",
        )


def trained(user: User, event: TrainingSet, said_by: SaidBy) -> User:
    """The latest wishes hold, in whatever order they come."""
    if (event.training.at_ms, *said_by) >= (user.training.at_ms, *user.trained_by):
        return replace(user, training=event.training, trained_by=said_by)
    return user


def planned(user: User, event: PlanSet, said_by: SaidBy) -> User:
    """The latest plan holds, in whatever order they come."""
    if user.plan is None or (event.plan.at_ms, *said_by) >= (user.plan.at_ms, *user.planned_by):
        return replace(user, plan=event.plan, planned_by=said_by)
    return user


def _compared(user: User, command: Replace) -> tuple[int, int, bool]:
    """When what holds now was said, and what is to replace it; whether they are the same."""
    match command.command:
        case SetProfile() as said:
            now_ms = 0 if user.profile is None else user.profile.changed_ms
            return now_ms, said.at_ms, user.profile == profile_of(said)
        case SetTraining(training=training):
            return user.training.at_ms, training.at_ms, user.training == training
        case SetPlan(plan=plan):
            return 0 if user.plan is None else user.plan.at_ms, plan.at_ms, user.plan == plan
        case SetProgramme(programme=programme):
            held = user.care.programme
            return held.at_ms, programme.at_ms, held == programme


def _refused(user: User, command: RefuseSuggestion) -> tuple[Event, ...]:
    """Raises Rejected but for a session that goes on: a refusal is of today."""
    check_not_deleted(user, command.session)
    session = user.sessions.get(command.session)
    if session is None or session.closed:
        raise Rejected(
            f"session {command.session!r} is not open",
            expected="the session that goes on",
            remedy="say what you never want in your training wishes",
        )
    said = Declined(exercise=command.exercise, at_ms=command.at_ms, answer="refused")
    return () if said in user.declined else taken(command, session.suggestion)


def _is_new(user: User, said: Statement) -> bool:
    """Whether a statement was not made before. Raises Rejected if it can change nothing any more."""
    check_not_deleted(user, said.session)
    of_session = [past for past in (*user.history, *user.aside) if past.session == said.session]
    if not of_session and not _is_remembered(user, said):
        raise Rejected(
            f"session {said.session!r} is not known, or too long ago",
            expected=f"one of the user's last sessions, with one of the last {HISTORY_MAX} sets",
            remedy="correct it sooner",
        )
    if said.start_ms <= settled_ms(user):
        raise Rejected(
            "the set is too long ago to be corrected",
            expected=f"one of the last {HISTORY_MAX}",
            remedy="correct it sooner",
        )
    for past in of_session:
        if past.command_nr == NO_NUMBER and (past.said_ms or past.end_ms) == said.said_ms:
            if _content(past) != _content_of(said):
                raise Rejected(
                    "something else of the session was said in the same millisecond", remedy="say it again"
                )
            return False
    return True


def _is_remembered(user: User, said: Statement) -> bool:
    return any(said.session in names for names in (user.sessions, user.forgotten, user.given_up))


def _content(past: PastSet) -> tuple[object, ...]:
    return past.start_ms, past.end_ms, past.exercise, past.repetitions, past.weight_kg


def _content_of(said: ConfirmLabel | WithdrawLabel) -> tuple[object, ...]:
    if isinstance(said, WithdrawLabel):
        return said.start_ms, said.end_ms, NOTHING, None, None
    return said.start_ms, said.end_ms, said.exercise, said.repetitions, said.weight_kg
