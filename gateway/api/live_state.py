"""What is known of one user who is training now, and how it changes with each update."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from domain.identifiers import SessionId, UserId
from domain.recording import REST
from domain.replies import (
    ExerciseAdvised,
    ExerciseRecognised,
    LiveUpdate,
    RestBegan,
    SessionEnded,
    SetFound,
    SetUpBegan,
    TipTold,
)

CLOCK_SKEW_MS_MAX = 60_000  # a device's time further off than this is replaced by the time of arrival

State = Literal["exercising", "resting", "setting_up", "ended"]


@dataclass(frozen=True, kw_only=True)
class LiveSet:
    """A set of the running session; times in ms since 1970 by the device's clock."""

    start_ms: int
    end_ms: int
    exercise: str
    confidence: float
    repetitions: int
    model_id: str


@dataclass(frozen=True, kw_only=True)
class LiveSuggestion:
    """What the coach advises next; `weight_kg` is None for exercises without a weight."""

    at_ms: int
    exercise: str
    weight_kg: float | None
    repetitions: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class LiveTip:
    """How the last set was done, or the present one is; with `stop` a prescribed limit is passed."""

    at_ms: int
    exercise: str
    text: str
    stop: bool


@dataclass(frozen=True, kw_only=True)
class LiveUser:
    """A user's newest session. `exercise`, `confidence` (0 to 1) and `repetitions` are set while exercising.

    `state_since_ms` and `updated_ms` are in ms since 1970; `sets` holds the newest of `set_count`,
    oldest first. `version` is the view's when this last changed.
    """

    user: UserId
    session: SessionId
    state: State
    state_since_ms: int
    updated_ms: int
    version: int
    exercise: str | None = None
    confidence: float | None = None
    repetitions: int | None = None
    sets: tuple[LiveSet, ...] = ()
    set_count: int = 0
    suggestion: LiveSuggestion | None = None
    tip: LiveTip | None = None


def begun(update: LiveUpdate, now_ms: int) -> LiveUser:
    """The user of `update`, of whom nothing else is known."""
    return LiveUser(
        user=update.user,
        session=update.reply.session,
        state="resting",
        state_since_ms=now_ms,
        updated_ms=now_ms,
        version=0,
    )


def evolve(known: LiveUser, update: LiveUpdate, now_ms: int, sets_max: int) -> LiveUser:
    """`known` after `update`, which arrived at `now_ms` and is of the same session."""
    match update.reply:
        case ExerciseRecognised() as reply if reply.exercise != REST:
            same = known.state == "exercising" and known.exercise == reply.exercise
            if known.state != "exercising":
                known = replace(known, tip=None)  # it was about the set before
            changed = replace(
                known,
                exercise=reply.exercise,
                confidence=reply.confidence,
                repetitions=reply.repetitions,
            )
            return changed if same else _in_state(changed, "exercising", reply.at_ms, now_ms)
        case ExerciseRecognised() as reply:
            return known if known.state == "resting" else _in_state(known, "resting", reply.at_ms, now_ms)
        case SetFound() as reply:
            return _with_set(known, reply, now_ms, sets_max)
        case RestBegan() as reply:
            return _in_state(known, "resting", reply.since_ms, now_ms)
        case SetUpBegan() as reply:
            return _in_state(known, "setting_up", reply.since_ms, now_ms)
        case ExerciseAdvised() as reply:
            return replace(known, suggestion=_suggestion(reply))
        case TipTold() as reply:
            return replace(known, tip=_tip(reply))
        case SessionEnded() as reply:
            return replace(_in_state(known, "ended", reply.at_ms, now_ms), suggestion=None, tip=None)


def _in_state(known: LiveUser, state: State, since_ms: int, now_ms: int) -> LiveUser:
    # A watch's clock may be wrong, and a recording plays faster than time: then only the arrival is known.
    since_ms = since_ms if 0 <= now_ms - since_ms <= CLOCK_SKEW_MS_MAX else now_ms
    known = replace(known, state=state, state_since_ms=since_ms)
    return (
        known if state == "exercising" else replace(known, exercise=None, confidence=None, repetitions=None)
    )


def _with_set(known: LiveUser, reply: SetFound, now_ms: int, sets_max: int) -> LiveUser:
    found = LiveSet(
        start_ms=reply.start_ms,
        end_ms=reply.end_ms,
        exercise=reply.exercise,
        confidence=reply.confidence,
        repetitions=reply.repetitions,
        model_id=reply.model_id,
    )
    others = tuple(old for old in known.sets if old.start_ms != found.start_ms)
    again = len(others) != len(known.sets)  # after a recovery a set may be told twice
    suggestion = known.suggestion
    if suggestion is not None and suggestion.at_ms < found.end_ms:
        suggestion = None  # it was for the set that is now done
    changed = replace(
        known,
        sets=(*others, found)[-sets_max:],
        set_count=known.set_count + (not again),
        suggestion=suggestion,
    )
    if known.state == "ended" or known.exercise not in (None, found.exercise):
        return changed  # the set is told late: the user has gone on
    return _in_state(changed, "resting", found.end_ms, now_ms)


def _tip(reply: TipTold) -> LiveTip:
    return LiveTip(at_ms=reply.at_ms, exercise=reply.exercise, text=reply.text, stop=reply.stop)


def _suggestion(reply: ExerciseAdvised) -> LiveSuggestion:
    return LiveSuggestion(
        at_ms=reply.at_ms,
        exercise=reply.exercise,
        weight_kg=reply.weight_kg,
        repetitions=reply.repetitions,
        reason=reply.reason,
    )
