"""The pure rules of how a user is looked after: the programme, what was done of it, how sets were done.

A programme carries the time at which it was prescribed and is known by it: the latest holds, in whatever
order they arrive, and what was sent again leads to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern

import msgspec
from msgspec.structs import replace

from domain.care_commands import CareCommand, SetProgramme
from domain.events import LabelConfirmed, LabelWithdrawn, ProgrammeSet, SetMeasured, SetRecognised
from domain.form import KeptForm
from domain.identifiers import SessionId
from domain.programme import Programme
from domain.progress import DoneSet, Progress, done, folded, undone, week_of

FORMS_KEPT_MAX = 24  # exercises whose best set is kept; the one bettered longest ago makes room

CareEvent = ProgrammeSet | LabelConfirmed | LabelWithdrawn | SetRecognised | SetMeasured


class Care(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """`programme` is prescribed, `progress` what was done of it, `forms` the best set of each exercise.

    `formed_in` are the sessions of those sets, as far as they are known.
    """

    programme: Programme = Programme()
    progress: Progress = Progress()
    forms: Mapping[str, KeptForm] = {}
    formed_in: Mapping[str, SessionId] = {}


NO_CARE = Care()  # most users have no programme, and keep this one


def decide_care(care: Care, command: CareCommand) -> tuple[ProgrammeSet] | tuple[()]:
    """What `command` leads to; nothing if it asks, is known, or was overtaken by a later programme."""
    if not isinstance(command, SetProgramme) or command.programme.at_ms <= care.programme.at_ms:
        return ()
    return (ProgrammeSet(device=command.device, programme=command.programme),)


def cared(care: Care, event: CareEvent, *, offset_min: int) -> Care:
    """`care` after `event`, by a clock that is `offset_min` minutes ahead of UTC."""
    if isinstance(event, ProgrammeSet):
        return _prescribed(care, event.programme, offset_min)
    if isinstance(event, SetMeasured) and event.kept is not None:
        exercise = intern(event.form.exercise)
        others = {name: kept for name, kept in care.forms.items() if name != exercise}
        forms = dict([*others.items(), (exercise, event.kept)][-FORMS_KEPT_MAX:])
        sessions = {**care.formed_in, exercise: event.session}
        formed_in = {name: sessions[name] for name in forms if name in sessions}
        care = replace(care, forms=forms, formed_in=formed_in)
    if not care.programme.prescriptions:
        return care
    if isinstance(event, LabelWithdrawn):
        return replace(care, progress=undone(care.progress, event.session, event.start_ms, event.end_ms))
    return replace(care, progress=done(care.progress, care.programme, _set(event), offset_min=offset_min))


def without_session(care: Care, session: SessionId) -> Care:
    """Without the sets of `session`; those of weeks that were summed up stay counted."""
    sets = tuple(known for known in care.progress.sets if known.session != session)
    if len(sets) != len(care.progress.sets):
        care = replace(care, progress=replace(care.progress, sets=sets))
    if session not in care.formed_in.values():
        return care
    formed_in = {name: of for name, of in care.formed_in.items() if of != session}
    gone = care.formed_in.keys() - formed_in.keys()
    forms = {name: kept for name, kept in care.forms.items() if name not in gone}
    return replace(care, forms=forms, formed_in=formed_in)


def _prescribed(care: Care, programme: Programme, offset_min: int) -> Care:
    """The weeks before are summed up by what was prescribed then."""
    week = week_of(programme.at_ms, offset_min)
    progress = folded(care.progress, care.programme, week, offset_min=offset_min)
    return replace(care, programme=programme, progress=progress)


def _set(event: LabelConfirmed | SetRecognised | SetMeasured) -> DoneSet:
    told = event.form if isinstance(event, SetMeasured) else event
    return DoneSet(
        session=event.session,
        start_ms=told.start_ms,
        end_ms=told.end_ms,
        exercise=intern(told.exercise),
        repetitions=told.repetitions,
        is_confirmed=isinstance(event, LabelConfirmed),
        within=event.form.within if isinstance(event, SetMeasured) else None,
        reach_share=event.form.reach_share if isinstance(event, SetMeasured) else None,
    )
