"""What a user says of sets, and what of it counts."""

from __future__ import annotations

from sys import intern

from msgspec.structs import replace

from domain.bests import bettered
from domain.events import LabelConfirmed, LabelWithdrawn
from domain.identifiers import DeviceId
from domain.sets import NO_NUMBER, NOTHING, Merged, PastSet, merged
from domain.state import User

Statement = LabelConfirmed | LabelWithdrawn

API = DeviceId("api")  # who made a statement that is of no device's stream


def stated(user: User, event: Statement) -> Merged:
    """What counts of the user's sets once `event` has happened.

    Its session is known, unless it was said through the API.
    """
    return merged(user.history, user.aside, _past(user, event))


def with_sets(user: User, sets: Merged) -> User:
    """The state once `sets` are what counts; what is no longer kept is remembered by its bests."""
    bests, settled = user.bests, user.settled_ms
    for past in sets.settled:
        bests = bettered(bests, past.exercise, past.repetitions, past.weight_kg)
        settled = max(settled, past.start_ms)
    return replace(user, history=sets.history, aside=sets.aside, bests=bests, settled_ms=settled)


def _past(user: User, event: Statement) -> PastSet:
    """What `event` says, as it is remembered: where and when by the user's wishes, or by the device's."""
    session, last = user.sessions.get(event.session), user.history[-1:]
    place = None if user.training.place is None else user.training.place.name
    offset_min = user.training.utc_offset_min
    if session is not None and session.coach == "device":
        place, offset_min = session.place, session.utc_offset_min
    told: tuple[str, int | None, float | None] = NOTHING, None, None
    if isinstance(event, LabelConfirmed):
        told = intern(event.exercise), event.repetitions, event.weight_kg
    exercise, repetitions, weight_kg = told
    number = event.command_nr
    is_of_the_last = bool(last) and last[0].session == event.session
    return PastSet(
        session=last[0].session if is_of_the_last else event.session,
        start_ms=event.start_ms,
        end_ms=event.end_ms,
        exercise=exercise,
        repetitions=repetitions,
        weight_kg=weight_kg,
        place=None if place is None else intern(place),
        said_ms=0 if event.said_ms is None or event.said_ms == event.end_ms else event.said_ms,
        device=API if session is None or number is None else DeviceId(intern(session.device)),
        command_nr=NO_NUMBER if number is None else number,
        utc_offset_min=offset_min,
    )
