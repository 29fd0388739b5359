"""The messages about form and programmes; see gateway/devices/protocol.py."""

from __future__ import annotations

from typing import cast

import msgspec

from domain import form, programme
from domain.care_commands import AskAdherence, RecordForm, SetProgramme
from domain.commands import TimedCommand
from domain.identifiers import DeviceId, SessionId
from domain.profile_commands import SetConsent
from domain.replies import AdherenceTold, CareReply, ConsentHeld, TipTold


class GivenTip(msgspec.Struct, frozen=True, kw_only=True):
    """The tip that a device gave itself."""

    kind: str
    text: str
    figure: float
    stop: bool = False


class MeasuredForm(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="form"):
    """A set that the device itself measured, and the tip about it."""

    session: str
    nr: int
    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int
    tempo_s: float
    reach: float
    reach_share: float | None = None
    within: int | None = None
    tip: GivenTip | None = None
    user: str | None = None


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Limits are inclusive; None is no limit on that side."""

    least: float | None = None
    most: float | None = None


class Prescription(msgspec.Struct, frozen=True, kw_only=True):
    exercise: str
    sets: int
    repetitions: int
    days_per_week: int
    tempo_s: Bounds = Bounds()
    reach: Bounds = Bounds()
    repetitions_limit: int | None = None


class Prescribe(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="prescribe"):
    """The programme as a whole, from who looks after the user; one with a later `at_ms` replaces it."""

    at_ms: int
    prescriptions: tuple[Prescription, ...]
    heart_rate_limit: int | None = None
    user: str | None = None


class GetAdherence(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="get_adherence"):
    at_ms: int
    user: str | None = None


CareMessage = Prescribe | GetAdherence


class GiveConsent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="consent"):
    """What the user agrees to, as a whole; one with a later `at_ms` replaces it."""

    at_ms: int
    recognition: bool
    statistics: bool
    training: bool
    user: str | None = None


TimedMessage = CareMessage | GiveConsent


class Tip(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="tip"):
    user: str
    session: str
    at_ms: int
    exercise: str
    kind: str
    text: str
    figure: float
    stop: bool


class Programme(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="programme"):
    user: str
    at_ms: int
    prescriptions: tuple[Prescription, ...]
    heart_rate_limit: int | None = None


class WeekOfExercise(msgspec.Struct, frozen=True, kw_only=True):
    week_ms: int
    exercise: str
    prescribed: int
    done: int
    days: int
    repetitions: int
    measured: int
    within: int
    reach_share: float | None


class Adherence(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="adherence"):
    user: str
    at_ms: int
    weeks: tuple[WeekOfExercise, ...]


class Consent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="consent"):
    user: str
    at_ms: int
    recognition: bool
    statistics: bool
    training: bool


CareAnswer = Tip | Programme | Adherence | Consent


def timed_command(message: TimedMessage, device: DeviceId) -> TimedCommand:
    if isinstance(message, GiveConsent):
        return SetConsent(
            at_ms=message.at_ms,
            recognition=message.recognition,
            statistics=message.statistics,
            training=message.training,
        )
    if isinstance(message, GetAdherence):
        return AskAdherence(at_ms=message.at_ms)
    prescribed = programme.Programme(
        at_ms=message.at_ms,
        prescriptions=tuple(_prescription(each) for each in message.prescriptions),
        heart_rate_limit=message.heart_rate_limit,
    )
    return SetProgramme(device=device, programme=prescribed)


def form_command(message: MeasuredForm) -> RecordForm:
    given = message.tip
    tip = None
    if given is not None:
        tip = form.Tip(
            kind=cast(form.TipKind, given.kind),
            exercise=message.exercise,
            text=given.text,
            figure=given.figure,
            stop=given.stop,
        )
    measured = form.SetForm(
        start_ms=message.start_ms,
        end_ms=message.end_ms,
        exercise=message.exercise,
        repetitions=message.repetitions,
        tempo_s=message.tempo_s,
        reach=message.reach,
        reach_share=message.reach_share,
        within=message.within,
    )
    return RecordForm(session=SessionId(message.session), command_nr=message.nr, form=measured, tip=tip)


def care_message_of(user: str, reply: TipTold | CareReply | ConsentHeld) -> CareAnswer:
    """What a device, or who prescribes, is told."""
    if isinstance(reply, TipTold):
        return Tip(user=user, **msgspec.structs.asdict(reply))
    if isinstance(reply, ConsentHeld):
        return Consent(user=user, **msgspec.structs.asdict(reply))
    if isinstance(reply, AdherenceTold):
        weeks = tuple(WeekOfExercise(**msgspec.structs.asdict(week)) for week in reply.weeks)
        return Adherence(user=user, at_ms=reply.at_ms, weeks=weeks)
    held = reply.programme
    return Programme(
        user=user,
        at_ms=held.at_ms,
        prescriptions=tuple(_told(each) for each in held.prescriptions),
        heart_rate_limit=held.heart_rate_limit,
    )


def _prescription(message: Prescription) -> programme.Prescription:
    return programme.Prescription(
        exercise=message.exercise,
        set_count=message.sets,
        repetitions=message.repetitions,
        days_per_week=message.days_per_week,
        tempo_s=programme.Span(**msgspec.structs.asdict(message.tempo_s)),
        reach=programme.Span(**msgspec.structs.asdict(message.reach)),
        repetitions_limit=message.repetitions_limit,
    )


def _told(prescription: programme.Prescription) -> Prescription:
    return Prescription(
        exercise=prescription.exercise,
        sets=prescription.set_count,
        repetitions=prescription.repetitions,
        days_per_week=prescription.days_per_week,
        tempo_s=Bounds(**msgspec.structs.asdict(prescription.tempo_s)),
        reach=Bounds(**msgspec.structs.asdict(prescription.reach)),
        repetitions_limit=prescription.repetitions_limit,
    )
