"""What of a user's statements is overridden as others of another device come, so that devices can show it."""

from __future__ import annotations

from collections.abc import Iterator

from domain.events import Event, LabelConfirmed, LabelWithdrawn, TrainingSet
from domain.replies import Overridden
from domain.sets import PastSet, is_the_same, overrider
from domain.user import User


def overridden(before: User, after: User, event: Event) -> list[Overridden]:
    """What counts no more, or not at all, since `event` took `before` to `after`.

    Only of another device and different: who corrects a set knows, and who says the same is not contradicted.
    """
    if isinstance(event, LabelConfirmed | LabelWithdrawn):
        return [_of_a_set(past, by) for past, by in _contradicted(before, after)]
    if isinstance(event, TrainingSet):
        return _of_wishes(before, after, event)
    return []


def _contradicted(before: User, after: User) -> Iterator[tuple[PastSet, PastSet]]:
    """What does not count and by which statement, if none contradicted it before."""
    known = {id(past) for past in (*before.history, *before.aside)}
    new = [past for past in (*after.history, *after.aside) if id(past) not in known]
    for past in after.aside:
        if any(past is said or is_the_same(past, said) for said in new):
            by = overrider(after.history, after.aside, past)
            was = overrider(before.history, before.aside, past) if id(past) in known else None
            if by is not None and _contradicts(by, past) and not (was and _contradicts(was, past)):
                yield past, by


def _contradicts(by: PastSet, past: PastSet) -> bool:
    same = (by.exercise, by.repetitions, by.weight_kg) == (past.exercise, past.repetitions, past.weight_kg)
    return by.device != past.device and not same


def _of_a_set(past: PastSet, by: PastSet) -> Overridden:
    return Overridden(
        session=past.session,
        at_ms=past.said_ms or past.end_ms,
        what="label",
        start_ms=past.start_ms,
        exercise=past.exercise or None,
        by_session=by.session,
        by_device=by.device,
        by_exercise=by.exercise or None,
    )


def _of_wishes(before: User, after: User, event: TrainingSet) -> list[Overridden]:
    """Of two devices' wishes the later ones hold, whichever come first."""
    mine = (after.sessions[event.session].device, event.session)
    device, name, _ = before.trained_by
    if not name or device == mine[0] or event.training == before.training:
        return []
    is_new = after.training is event.training
    loser, at_ms = (name, before.training.at_ms) if is_new else (event.session, event.training.at_ms)
    by_device, by_session = mine if is_new else (device, name)
    told = Overridden(session=loser, at_ms=at_ms, what="training", by_session=by_session, by_device=by_device)
    return [told]
