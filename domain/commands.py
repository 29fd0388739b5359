"""What a device asks of a user's session actor.

The commands of one exercise session are numbered 0, 1, 2, ... by the device in the stream `COMMANDS`;
frames are numbered by their own streams. Each stream is taken in order, so that sending everything again
after a break is always right and stores nothing twice.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from domain.care_commands import CareCommand, GiveTip, NoteForm, RecordForm, check_care
from domain.checks import check
from domain.contributed import Contributed, check_contributed
from domain.form import SetForm, check_form, check_tip
from domain.frames import EPOCH_MS_MAX, SensorFrame, check_frame
from domain.identifiers import DeviceId, SessionId, StreamId, check_identifier
from domain.plans import TrainingPlan, check_plan
from domain.profile_commands import MeasureBody, SetProfile, check_profile_command
from domain.sensors import SENSORS
from domain.sets import SET_MS_MAX
from domain.training import Training, check_training

COMMANDS = StreamId("")  # the stream in which commands are numbered
REPETITIONS_MAX = 10_000
WEIGHT_KG_MAX = 1_000.0
REST_S_MAX = 3_600
REASON_MAX = 500  # characters
STREAMS_MAX = 16  # of one session

RecogniserSite = Literal["server", "device"]
CoachSite = Literal["server", "device"]


class Stream(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A stream of frames that a session will have: its name, the sensor's letter and where it is worn."""

    stream: StreamId
    sensor: str
    location: str


class OpenSession(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="open"):
    """Begin an exercise session; always command 0. `recogniser` says who names the exercises.

    `coach` says who suggests: a device that is offline does so itself, and says what with SuggestHere.
    """

    session: SessionId
    command_nr: int
    at_ms: int
    device: DeviceId
    recogniser: RecogniserSite
    streams: tuple[Stream, ...]
    coach: CoachSite = "server"


class AcceptFrame(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="frame", gc=False):
    frame: SensorFrame


class ConfirmLabel(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="label"):
    """The user says what was done from `start_ms` to `end_ms`; `weight_kg` and `repetitions` if known.

    `said_ms` is when the user said so, None for at the set's end: of statements about the same set the last
    one counts, see domain/sets.py.
    """

    session: SessionId
    command_nr: int
    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int | None
    weight_kg: float | None
    said_ms: int | None = None


class WithdrawLabel(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="withdraw"):
    """The user says, at `said_ms`, that no set was done from `start_ms` to `end_ms`."""

    session: SessionId
    command_nr: int
    start_ms: int
    end_ms: int
    said_ms: int


class RecordSet(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="set"):
    """The device's own recogniser found a set."""

    session: SessionId
    command_nr: int
    start_ms: int
    end_ms: int
    exercise: str
    confidence: float
    repetitions: int
    model_id: str


class CloseSession(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="close"):
    session: SessionId
    command_nr: int
    at_ms: int


class SetTraining(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="training"):
    """The user says how to train; replaces what was said before `training.at_ms`."""

    session: SessionId
    command_nr: int
    training: Training


class SetPlan(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="plan"):
    """A coach, or the user, plans sessions; replaces what was planned before `plan.at_ms`."""

    session: SessionId
    command_nr: int
    plan: TrainingPlan


class ContributeExercise(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="exercise"):
    """The user describes an exercise that the catalogue does not have."""

    session: SessionId
    command_nr: int
    exercise: Contributed


class TellProfile(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="tell_profile"):
    """The user's device says who the user is, or what was measured."""

    session: SessionId
    command_nr: int
    told: SetProfile | MeasureBody


class RefuseSuggestion(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="refuse"):
    """The user does not want `exercise` today."""

    session: SessionId
    command_nr: int
    at_ms: int
    exercise: str


class SuggestHere(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="suggestion"):
    """The device's own coach suggested a set, which the next label answers."""

    session: SessionId
    command_nr: int
    at_ms: int
    exercise: str
    weight_kg: float | None
    repetitions: int
    reason: str
    rest_s: int | None


NumberedCommand = (
    OpenSession
    | ConfirmLabel
    | WithdrawLabel
    | RecordSet
    | RecordForm
    | CloseSession
    | SetTraining
    | SetPlan
    | ContributeExercise
    | TellProfile
    | RefuseSuggestion
    | SuggestHere
)


Command = NumberedCommand | AcceptFrame | CareCommand


class FoundSet(msgspec.Struct, frozen=True, kw_only=True):
    """The server's recogniser found a set; given by the session actor to itself."""

    session: SessionId
    start_ms: int
    end_ms: int
    exercise: str
    confidence: float
    repetitions: int
    model_id: str


class Suggest(msgspec.Struct, frozen=True, kw_only=True):
    """The coach advises the next exercise; given by the session actor to itself."""

    session: SessionId
    at_ms: int
    exercise: str
    weight_kg: float | None
    repetitions: int
    reason: str
    rest_s: int | None = None


InnerCommand = FoundSet | Suggest | NoteForm | GiveTip


def session_of(command: Command) -> SessionId:
    """The session that a command is of; an empty name for those of no session."""
    if isinstance(command, CareCommand):
        return SessionId("")
    return command.frame.session if isinstance(command, AcceptFrame) else command.session


def check_command(command: Command) -> Command:
    """Return `command` if every field keeps its limits, else raise InvalidInput naming one that does not."""
    if isinstance(command, AcceptFrame):  # most are
        check_identifier("session", command.frame.session)
        check_identifier("stream", command.frame.stream)
        check_frame(command.frame)
        return command
    if isinstance(command, CareCommand):
        return check_care(command)
    check_identifier("session", command.session)
    check(0 <= command.command_nr < 2**31, f"command number {command.command_nr}", "0 to 2147483647")
    if isinstance(command, OpenSession | CloseSession):
        _check_time("at_ms", command.at_ms)
        if isinstance(command, OpenSession):
            check_identifier("device", command.device)
            check(command.command_nr == 0, f"open is command {command.command_nr}", "command 0")
            _check_streams(command.streams)
    elif isinstance(command, SetTraining):
        check_training(command.training)
    elif isinstance(command, SetPlan):
        check_plan(command.plan)
    elif isinstance(command, ContributeExercise):
        check_contributed(command.exercise)
    elif isinstance(command, TellProfile):
        check_profile_command(command.told)
    elif isinstance(command, RefuseSuggestion | SuggestHere):
        _check_time("at_ms", command.at_ms)
        check_identifier("exercise", command.exercise)
        if isinstance(command, SuggestHere):
            _check_suggestion(command)
    elif isinstance(command, WithdrawLabel):
        _check_span(command)
    elif isinstance(command, RecordForm):
        _check_form(command)
    else:
        _check_set(command)
    return command


def _check_streams(streams: tuple[Stream, ...]) -> None:
    check(len(streams) <= STREAMS_MAX, f"{len(streams)} streams", f"at most {STREAMS_MAX}")
    check(len({s.stream for s in streams}) == len(streams), "two streams of one name", "different names")
    for stream in streams:
        check_identifier("stream", stream.stream)
        check_identifier("location", stream.location)
        check(
            stream.sensor in SENSORS, f"unknown sensor {stream.sensor[:16]!r}", f"one of {', '.join(SENSORS)}"
        )


def _check_form(command: RecordForm) -> None:
    form = command.form
    check_identifier("exercise", form.exercise)
    _check_span(form)
    _check_repetitions(form.repetitions)
    check_form(form)
    if command.tip is not None:
        check_identifier("exercise", command.tip.exercise)
        check_tip(command.tip)


def _check_set(command: ConfirmLabel | RecordSet) -> None:
    check_identifier("exercise", command.exercise)
    _check_span(command)
    _check_repetitions(command.repetitions)
    if isinstance(command, ConfirmLabel):
        _check_weight(command.weight_kg)
    else:
        check(0 <= command.confidence <= 1, f"confidence {command.confidence}", "0 to 1")
        check_identifier("model", command.model_id)


def _check_span(command: ConfirmLabel | RecordSet | WithdrawLabel | SetForm) -> None:
    _check_time("start_ms", command.start_ms)
    _check_time("end_ms", command.end_ms)
    length_ms = command.end_ms - command.start_ms
    check(0 < length_ms <= SET_MS_MAX, f"a set of {length_ms} ms", f"1 to {SET_MS_MAX} ms")
    if isinstance(command, ConfirmLabel | WithdrawLabel) and command.said_ms is not None:
        _check_time("said_ms", command.said_ms)


def _check_suggestion(command: SuggestHere) -> None:
    _check_weight(command.weight_kg)
    _check_repetitions(command.repetitions)
    rest_s, length = command.rest_s, len(command.reason)
    check(rest_s is None or 0 <= rest_s <= REST_S_MAX, f"{rest_s} s of rest", f"0 to {REST_S_MAX} s")
    check(length <= REASON_MAX, f"a reason of {length} characters", f"at most {REASON_MAX}")


def _check_repetitions(repetitions: int | None) -> None:
    is_right = repetitions is None or 0 <= repetitions <= REPETITIONS_MAX
    check(is_right, f"{repetitions} repetitions", f"0 to {REPETITIONS_MAX}")


def _check_weight(weight: float | None) -> None:
    is_right = weight is None or (math.isfinite(weight) and 0 <= weight <= WEIGHT_KG_MAX)
    check(is_right, f"weight {weight} kg", f"0 to {WEIGHT_KG_MAX:g} kg")


def _check_time(name: str, value_ms: int) -> None:
    check(0 <= value_ms <= EPOCH_MS_MAX, f"{name} {value_ms}", "ms since 1970, before 2100")
