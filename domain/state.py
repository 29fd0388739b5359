"""The state of a user: a tree that is never changed, so it needs no garbage collector (`gc=False`)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from domain.bests import Best, best_with
from domain.care import NO_CARE, Care
from domain.commands import CoachSite, RecogniserSite, Stream
from domain.consent import NO_CONSENT, Consent
from domain.contributed import Contributed
from domain.events import Answer, ExerciseSuggested
from domain.identifiers import DeviceId, SessionId, StreamId
from domain.plans import TrainingPlan
from domain.profile import Body, Profile
from domain.sets import HISTORY_MAX, PastSet
from domain.training import Training


class Declined(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A suggestion that the user refused in so many words, or of which the load was changed."""

    exercise: str
    at_ms: int
    answer: Answer


class Session(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """`next_nrs` holds, per stream and for COMMANDS, the number that is expected next.

    `place` and `utc_offset_min` are of a session whose device is the `coach`: where and when its sets were
    done must not depend on what other devices said meanwhile.
    """

    device: DeviceId
    opened_ms: int
    recogniser: RecogniserSite
    streams: tuple[Stream, ...]
    next_nrs: Mapping[StreamId, int]
    closed: bool = False
    suggestion: ExerciseSuggested | None = None
    last_set_end_ms: int = 0
    refused: tuple[str, ...] = ()  # exercises that the user does not want in this session
    coach: CoachSite = "server"
    place: str | None = None
    utc_offset_min: int = 0
    tip_ms: int = 0  # of the latest tip: there is one of a set at most


class User(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """State of a user. `sessions` in the order in which they were opened, `history` by time, oldest first.

    Of the sessions that were opened before those, `forgotten` names the ones that were closed, so whatever
    comes for them is stored, and `given_up` those that were left open; oldest first. `training` is how the
    user wants to train and `plan` what is planned, said by device, session and number `trained_by` and
    `planned_by`; `declined` which suggestions were not wanted of late; `bests` those of what `history` no
    longer has; `aside` what domain/sets.py says; `care` how the user is looked after; `deleted` sessions that
    the user deleted; `settled_ms` when the latest set of those began that are kept as bests alone.
    """

    sessions: Mapping[SessionId, Session] = {}
    history: tuple[PastSet, ...] = ()
    forgotten: tuple[SessionId, ...] = ()
    given_up: tuple[SessionId, ...] = ()
    training: Training = Training()
    declined: tuple[Declined, ...] = ()
    bests: Mapping[str, Best] = {}
    profile: Profile | None = None
    body: Body = ()
    aside: tuple[PastSet, ...] = ()
    trained_by: tuple[str, str, int] = ("", "", 0)
    plan: TrainingPlan | None = None
    planned_by: tuple[str, str, int] = ("", "", 0)
    own_exercises: tuple[Contributed, ...] = ()
    care: Care = NO_CARE
    consent: Consent = NO_CONSENT
    deleted: tuple[SessionId, ...] = ()
    settled_ms: int = 0


def settled_ms(user: User) -> int:
    """Of sets that began up to then some are kept as bests alone, so that none is changed any more.

    States from before version 5 do not say so, and lose it when their first set is withdrawn.
    """
    is_full = len(user.history) == HISTORY_MAX
    return max(user.settled_ms, user.history[0].start_ms - 1 if is_full else 0)


def bests_of(user: User) -> Mapping[str, Best]:
    """The bests of every exercise that was ever done and is remembered, by name."""
    names = sorted({*user.bests, *(past.exercise for past in user.history)})
    found = ((name, best_of(user, name)) for name in names)
    return {name: best for name, best in found if best is not None}


def best_of(user: User, exercise: str) -> Best | None:
    """The bests of an exercise over all sets that count; None if it was never done."""
    done = [(past.repetitions, past.weight_kg) for past in user.history if past.exercise == exercise]
    return best_with(user.bests.get(exercise), done)
