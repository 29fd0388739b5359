"""What a session actor tells itself and others about form and programme; the state is the entity's."""

from __future__ import annotations

from collections.abc import Iterator

from actors.answers import consent_held, what_holds
from actors.listening import Listening
from actors.recognition import Model
from coach.adherence import adherence
from coach.tips import Judge, heart_tip
from domain.care_commands import AskAdherence, GiveTip, NoteForm
from domain.commands import Command, TimedCommand
from domain.events import ConsentGiven, Event, ProgrammeSet, SessionOpened
from domain.frames import SensorFrame
from domain.identifiers import SessionId
from domain.profile_commands import SetConsent
from domain.progress import DoneWeek, week_start_ms
from domain.replies import AdherenceTold, CareReply, ConsentHeld, ProgrammeHeld, Reply, WeekAdhered
from domain.user import User
from edge.recogniser import Exercising, Observation, SetEnded

HEART_EVERY_MS = 60_000  # a limit that stays passed is told again after that


def observed(
    user: User, name: SessionId, model: Model, observation: Observation, listening: Listening
) -> Iterator[NoteForm | GiveTip]:
    """After a set that the server found its figures, and a tip; while one goes on only what cannot wait.

    There is one tip of a set at most.
    """
    session = user.sessions.get(name)
    if session is None or not isinstance(observation, SetEnded | Exercising) or observation.movement is None:
        return
    judge, movement = Judge(care=user.care, references=model.references), observation.movement
    if isinstance(observation, Exercising):
        if session.tip_ms <= session.last_set_end_ms:
            tip = judge.during(movement, observation.exercise, observation.repetitions_so_far)
            if tip is not None:
                yield GiveTip(session=name, at_ms=observation.at_ms, tip=tip)
        return
    start_ms, end_ms = observation.start_ms, observation.end_ms
    sides = listening.both_sides(name, start_ms, end_ms)
    judged = judge.after(
        movement, observation.exercise, observation.repetitions, start_ms, end_ms, sides=sides
    )
    if judged is not None:
        yield NoteForm(session=name, form=judged.form, kept=judged.kept)
        if judged.tip is not None and session.tip_ms < start_ms:
            yield GiveTip(session=name, at_ms=end_ms, tip=judged.tip)


def heart_beats(user: User, frame: SensorFrame) -> tuple[GiveTip, ...]:
    """Stop advice, if the heart beats faster than is prescribed."""
    if frame.sensor != "h" or (limit := user.care.programme.heart_rate_limit) is None:
        return ()
    session = user.sessions.get(frame.session)
    if session is None or session.closed:
        return ()
    at_ms = round(frame.end_ms)
    tip = heart_tip(limit, float(frame.values().mean()))
    if tip is None or at_ms - session.tip_ms < HEART_EVERY_MS:
        return ()
    return (GiveTip(session=frame.session, at_ms=at_ms, tip=tip),)


def told(user: User, event: Event) -> Iterator[ProgrammeHeld | ConsentHeld]:
    """What holds, to the user's devices, when it changes; the programme also when a session begins."""
    if isinstance(event, ConsentGiven):
        yield consent_held(user)
    begins = isinstance(event, SessionOpened) and bool(user.care.programme.prescriptions)
    if begins or isinstance(event, ProgrammeSet):
        yield ProgrammeHeld(programme=user.care.programme)


def answer(user: User, command: TimedCommand) -> CareReply | ConsentHeld:
    """What whoever prescribes, asks or agrees is answered."""
    if isinstance(command, SetConsent):
        return consent_held(user)
    if not isinstance(command, AskAdherence):
        return ProgrammeHeld(programme=user.care.programme)
    offset_min = user.training.utc_offset_min
    weeks = adherence(user.care, command.at_ms, offset_min=offset_min)
    return AdherenceTold(at_ms=command.at_ms, weeks=tuple(_adhered(week, offset_min) for week in weeks))


def answer_to_api(user: User, command: Command) -> Reply:
    """What a request of the API is answered, whatever it asked or said."""
    return answer(user, command) if isinstance(command, AskAdherence) else what_holds(user, command)


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
