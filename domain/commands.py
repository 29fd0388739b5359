"""What a device asks of a user's session actor.

The commands of one exercise session are numbered 0, 1, 2, ... by the device in the stream `COMMANDS`;
frames are numbered by their own streams. Each stream is taken in order, so that sending everything again
after a break is always right and stores nothing twice.

What a user says through the HTTP API is of no device's stream: its `command_nr` is None, it is known by the
time at which it was said, and its `session` is NO_SESSION unless it is about one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeGuard

import msgspec

from domain.bests import Best
from domain.care_commands import CareCommand, GiveTip, NoteForm, RecordForm, SetProgramme
from domain.contributed import Contributed
from domain.frames import SensorFrame
from domain.identifiers import DeviceId, SessionId, StreamId
from domain.plans import TrainingPlan
from domain.profile_commands import MeasureBody, ProfileCommand, SetProfile
from domain.training import Training

COMMANDS = StreamId("")  # the stream in which commands are numbered
NO_SESSION = SessionId("")
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
    command_nr: int | None
    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int | None
    weight_kg: float | None
    said_ms: int | None = None


class WithdrawLabel(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="withdraw"):
    """The user says, at `said_ms`, that no set was done from `start_ms` to `end_ms`."""

    session: SessionId
    command_nr: int | None
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
    command_nr: int | None
    training: Training


class SetPlan(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="plan"):
    """A coach, or the user, plans sessions; replaces what was planned before `plan.at_ms`."""

    session: SessionId
    command_nr: int | None
    plan: TrainingPlan


class ContributeExercise(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="exercise"):
    """The user describes an exercise that the catalogue does not have."""

    session: SessionId
    command_nr: int | None
    exercise: Contributed


class TellProfile(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="tell_profile"):
    """The user's device says who the user is, or what was measured."""

    session: SessionId
    command_nr: int
    told: SetProfile | MeasureBody


class RefuseSuggestion(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="refuse"):
    """The user does not want `exercise` today."""

    session: SessionId
    command_nr: int | None
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


Statement = ConfirmLabel | WithdrawLabel
SayableCommand = ConfirmLabel | WithdrawLabel | SetTraining | SetPlan | ContributeExercise | RefuseSuggestion


class Replace(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="replace"):
    """Do `command` if it replaces what was said at `seen_ms`, 0 for nothing, and not what came since."""

    command: SetProfile | SetTraining | SetPlan | SetProgramme
    seen_ms: int


class AskUser(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="ask_user"):
    """Somebody asks what the user has said, and what is planned and prescribed."""


class AskBests(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="ask_bests"):
    """Somebody asks for the user's personal bests."""


class DeleteSession(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="delete_session"):
    """The user wants a session, which began at `opened_ms` and had `streams`, to be as if it had never been.

    `bests` are, of each exercise that the session had sets of up to `settled_ms`, those of the user's other
    sets up to then. Said by the server, which looks these up for whoever asks.
    """

    session: SessionId
    at_ms: int
    opened_ms: int
    streams: tuple[StreamId, ...] = ()
    settled_ms: int = 0
    bests: Mapping[str, Best] = {}


DirectCommand = ProfileCommand | Replace | AskUser | AskBests | DeleteSession
TimedCommand = CareCommand | DirectCommand  # of no session, known by their time
Command = NumberedCommand | AcceptFrame | TimedCommand


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


def is_said(command: Command | InnerCommand) -> TypeGuard[SayableCommand]:
    """Whether the user said it through the API, of no device's stream."""
    return isinstance(command, SayableCommand) and command.command_nr is None


def session_of(command: Command) -> SessionId:
    """The session that a command is of; an empty name for those of no session."""
    if isinstance(command, AcceptFrame):  # nearly all of them: asked first
        return command.frame.session
    return NO_SESSION if isinstance(command, TimedCommand) else command.session
