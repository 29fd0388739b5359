"""What happened to a user. Past tense, frozen, kept for ever.

All but FrameReceived are journalled as encrypted blobs; FrameReceived is kept as a readable sensor row.
`command_nr` is the device's command number where the event answers one; it moves the session's command stream
on. It is None, and `session` perhaps empty, of what was said through the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from domain.bests import Best
from domain.commands import CoachSite, RecogniserSite, Stream
from domain.contributed import Contributed
from domain.form import KeptForm, SetForm, Tip
from domain.frames import SensorFrame
from domain.identifiers import DeviceId, SessionId, StreamId
from domain.plans import TrainingPlan
from domain.profile_commands import Experience, MeasureBody, Quantity, SetProfile, Sex
from domain.programme import Programme
from domain.training import Training


class SessionOpened(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="session_opened"):
    session: SessionId
    command_nr: int
    at_ms: int
    device: DeviceId
    recogniser: RecogniserSite
    streams: tuple[Stream, ...]
    coach: CoachSite = "server"


class LabelConfirmed(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="label_confirmed"):
    session: SessionId
    command_nr: int | None
    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int | None
    weight_kg: float | None
    said_ms: int | None = None


class LabelWithdrawn(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="label_withdrawn"):
    """The user said that no set was done in that time."""

    session: SessionId
    command_nr: int | None
    start_ms: int
    end_ms: int
    said_ms: int


class SetRecognised(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="set_recognised"):
    """`command_nr` is None when the server's recogniser found the set."""

    session: SessionId
    command_nr: int | None
    start_ms: int
    end_ms: int
    exercise: str
    confidence: float
    repetitions: int
    model_id: str


class ExerciseSuggested(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="suggested"):
    """`command_nr` is None when the server's coach suggested it."""

    session: SessionId
    at_ms: int
    exercise: str
    weight_kg: float | None
    repetitions: int
    reason: str
    rest_s: int | None = None
    command_nr: int | None = None


Answer = Literal["taken", "changed", "refused"]


class SuggestionAnswered(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="answered"):
    """The next confirmed set was as suggested, of the exercise with another load, or of another exercise.

    With a `command_nr`, or if it `is_said` through the API, the user said that `exercise` is not wanted;
    `suggested_ms` is None if it was not what was suggested last. Of events from before version 2, `exercise`
    and `at_ms` are empty.
    """

    session: SessionId
    suggested_ms: int | None
    answer: Answer
    command_nr: int | None = None
    exercise: str = ""
    at_ms: int = 0
    is_said: bool = False

    @property
    def is_refusal(self) -> bool:
        """The user said so; else the next set did."""
        return self.is_said or self.command_nr is not None


class SessionClosed(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="session_closed"):
    session: SessionId
    command_nr: int
    at_ms: int


class TrainingSet(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="training_set"):
    """The user said how to train."""

    session: SessionId
    command_nr: int | None
    training: Training


class PlanSet(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="plan_set"):
    """A coach, or the user, planned sessions."""

    session: SessionId
    command_nr: int | None
    plan: TrainingPlan


class ExerciseContributed(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="exercise_contributed"
):
    """The user described an exercise of their own."""

    session: SessionId
    command_nr: int | None
    exercise: Contributed


class ProfileTold(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="profile_told"):
    """The user's device said who the user is, or what was measured, as it stands in `told`."""

    session: SessionId
    command_nr: int
    told: SetProfile | MeasureBody


class SetMeasured(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="set_measured"):
    """`command_nr` is None when the server measured the set; `kept` is from now on the user's best."""

    session: SessionId
    command_nr: int | None
    form: SetForm
    kept: KeptForm | None = None


class TipGiven(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="tip_given"):
    session: SessionId
    at_ms: int
    tip: Tip


class ProgrammeSet(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="programme_set"):
    """Whoever looks after the user prescribed, from `device`."""

    device: DeviceId
    programme: Programme


class ProfileChanged(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="profile_changed"):
    at_ms: int
    birth_year: int | None
    sex: Sex | None
    height_cm: float | None
    experience: Experience | None
    in_statistics: bool


class ConsentGiven(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="consent_given"):
    """The user said what they agree to; what is not agreed to is refused, or withdrawn."""

    at_ms: int
    recognition: bool
    statistics: bool
    training: bool


class BodyMeasured(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="body_measured"):
    """One of the same quantity and time corrects what was measured before."""

    at_ms: int
    quantity: Quantity
    value: float


class SessionDeleted(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="session_deleted"):
    """The user deleted a session that began at `opened_ms`; `bests` replace those of settled sets."""

    session: SessionId
    at_ms: int
    opened_ms: int
    streams: tuple[StreamId, ...]
    bests: Mapping[str, Best]


SessionEvent = (
    SessionOpened
    | LabelConfirmed
    | LabelWithdrawn
    | SetRecognised
    | ExerciseSuggested
    | SuggestionAnswered
    | SessionClosed
    | TrainingSet
    | PlanSet
    | ExerciseContributed
    | ProfileTold
    | SetMeasured
    | TipGiven
)
SayableEvent = LabelConfirmed | LabelWithdrawn | TrainingSet | PlanSet | ExerciseContributed
ProfileEvent = ProfileChanged | BodyMeasured
JournalEvent = SessionEvent | SessionDeleted | ProfileEvent | ProgrammeSet | ConsentGiven


class FrameReceived(msgspec.Struct, frozen=True, kw_only=True):
    frame: SensorFrame


Event = JournalEvent | FrameReceived
