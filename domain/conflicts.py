"""What of a user's statements is overridden as others of another device come, so that devices can show it."""

from __future__ import annotations

from collections.abc import Iterator

from domain.events import Event, LabelConfirmed, LabelWithdrawn, PlanSet, TrainingSet
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
        was, at_ms, is_new = before.trained_by, before.training.at_ms, after.training is event.training
        is_same = event.training == before.training
        return _as_a_whole(after, event, was, at_ms, is_same=is_same, is_new=is_new)
    if isinstance(event, PlanSet) and before.plan is not None:
        was, at_ms, is_new = before.planned_by, before.plan.at_ms, after.plan is event.plan
        is_same = event.plan == before.plan
        return _as_a_whole(after, event, was, at_ms, is_same=is_same, is_new=is_new)
    return []


def _contradicted(before: User, after: User) -> Iterator[tuple[PastSet, PastSet]]:
    """What does not count and by which statement, if none contradicted it before."""
    if not after.aside:
        return
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


def _as_a_whole(
    after: User,
    event: TrainingSet | PlanSet,
    was: tuple[str, str, int],
    was_ms: int,
    *,
    is_same: bool,
    is_new: bool,
) -> list[Overridden]:
    """Of two devices' wishes or plans the later ones hold, whichever come first."""
    device, name, _ = was
    mine = after.sessions[event.session].device
    if not name or device == mine or is_same:
        return []
    event_ms = event.training.at_ms if isinstance(event, TrainingSet) else event.plan.at_ms
    told = Overridden(
        session=name if is_new else event.session,
        at_ms=was_ms if is_new else event_ms,
        what="training" if isinstance(event, TrainingSet) else "plan",
        by_session=event.session if is_new else name,
        by_device=mine if is_new else device,
    )
    return [told]
