"""What a session actor tells itself and others about form and programme; the state is the entity's."""

from __future__ import annotations

from collections.abc import Iterator

from actors.recognition import Model
from coach.adherence import adherence
from coach.tips import Judge, heart_tip
from domain.commands import AskAdherence, CareCommand, GiveTip, NoteForm
from domain.events import Event, ProgrammeSet, SessionOpened
from domain.frames import SensorFrame
from domain.identifiers import SessionId
from domain.progress import DoneWeek, week_start_ms
from domain.replies import AdherenceTold, CareReply, ProgrammeHeld, WeekAdhered
from domain.user import User
from edge.recogniser import Exercising, SetEnded
from edge.sides import BothSides

HEART_EVERY_MS = 60_000  # a limit that stays passed is told again after that


def after_set(
    user: User, name: SessionId, model: Model, ended: SetEnded, sides: BothSides | None
) -> Iterator[NoteForm | GiveTip]:
    """A set that the server found, in figures, and a tip unless one was given while it went on."""
    if ended.movement is None:
        return
    judge = Judge(care=user.care, references=model.references)
    judged = judge.after(
        ended.movement, ended.exercise, ended.repetitions, ended.start_ms, ended.end_ms, sides=sides
    )
    if judged is None:
        return
    yield NoteForm(session=name, form=judged.form, kept=judged.kept)
    if judged.tip is not None and user.sessions[name].tip_ms < ended.start_ms:
        yield GiveTip(session=name, at_ms=ended.end_ms, tip=judged.tip)


def during_set(user: User, name: SessionId, model: Model, seen: Exercising) -> Iterator[GiveTip]:
    """What cannot wait until the set ends, once."""
    session = user.sessions.get(name)
    if session is None or seen.movement is None:
        return
    if session.tip_ms > session.last_set_end_ms:
        return
    judge = Judge(care=user.care, references=model.references)
    tip = judge.during(seen.movement, seen.exercise, seen.repetitions_so_far)
    if tip is not None:
        yield GiveTip(session=name, at_ms=seen.at_ms, tip=tip)


def heart_beats(user: User, frame: SensorFrame) -> Iterator[GiveTip]:
    """Stop advice when the heart beats faster than is prescribed."""
    limit = user.care.programme.heart_rate_limit
    session = user.sessions.get(frame.session)
    if limit is None or frame.sensor != "h" or session is None or session.closed:
        return
    at_ms = round(frame.end_ms)
    tip = heart_tip(limit, float(frame.values().mean()))
    if tip is not None and at_ms - session.tip_ms >= HEART_EVERY_MS:
        yield GiveTip(session=frame.session, at_ms=at_ms, tip=tip)


def told(user: User, event: Event) -> Iterator[ProgrammeHeld]:
    """The programme, to the user's devices, when it changes and when a session begins."""
    begins = isinstance(event, SessionOpened) and bool(user.care.programme.prescriptions)
    if begins or isinstance(event, ProgrammeSet):
        yield ProgrammeHeld(programme=user.care.programme)


def answer(user: User, command: CareCommand) -> CareReply:
    """What whoever prescribes or asks is answered."""
    if not isinstance(command, AskAdherence):
        return ProgrammeHeld(programme=user.care.programme)
    offset_min = user.training.utc_offset_min
    weeks = adherence(user.care, command.at_ms, offset_min=offset_min)
    return AdherenceTold(at_ms=command.at_ms, weeks=tuple(_adhered(week, offset_min) for week in weeks))


def _adhered(week: DoneWeek, offset_min: int) -> WeekAdhered:
    return WeekAdhered(
        week_ms=week_start_ms(week.week, offset_min),
        exercise=week.exercise,
        prescribed=week.prescribed,
        done=week.set_count,
        days=week.day_count,
        repetitions=week.repetitions,
        measured=week.measured,
        within=week.within,
        reach_share=round(week.reach_share, 3) if week.reach_sets else None,
    )
