"""What a session actor tells a user's devices, and the live view, once everything behind it is durable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from domain.bests import Best
from domain.contributed import Contributed
from domain.form import TipKind
from domain.identifiers import SessionId, StreamId, UserId
from domain.plans import TrainingPlan
from domain.profile import Body, Profile
from domain.programme import Programme
from domain.training import Training


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="ack"):
    """Everything of the stream below `next_nr` is durable."""

    session: SessionId
    stream: StreamId
    next_nr: int


class Refused(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="refused"):
    """A command was not taken. `expected_nr` is set when the device must send again from there."""

    session: SessionId
    stream: StreamId
    sequence_nr: int
    code: str
    wrong: str
    expected: str
    remedy: str
    retry: bool
    expected_nr: int | None


class ExerciseRecognised(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="recognised"):
    """What the user is doing now, as far as the server's recogniser can tell; not durable."""

    session: SessionId
    at_ms: int
    exercise: str
    confidence: float
    repetitions: int


class SetFound(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="set"):
    session: SessionId
    start_ms: int
    end_ms: int
    exercise: str
    confidence: float
    repetitions: int
    model_id: str


class RestBegan(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="rest"):
    session: SessionId
    since_ms: int


class SetUpBegan(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="setting_up"):
    """The user moves as for an exercise, but no set has begun yet; not durable."""

    session: SessionId
    since_ms: int


class ExerciseAdvised(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="suggestion"):
    session: SessionId
    at_ms: int
    exercise: str
    weight_kg: float | None
    repetitions: int
    reason: str
    rest_s: int | None = None


class PlannedSet(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    exercise: str
    weight_kg: float | None
    repetitions: int
    rest_s: int


class PlannedDay(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A session of the coming week."""

    at_ms: int
    exercises: tuple[str, ...]


class SessionPlanned(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="planned"):
    """A whole session, and the week after it, as they are suggested when it begins; not durable."""

    session: SessionId
    at_ms: int
    sets: tuple[PlannedSet, ...]
    week: tuple[PlannedDay, ...]


class RecordBroken(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="record"):
    """A confirmed set bettered the user's heaviest weight, most repetitions or estimated maximum."""

    session: SessionId
    at_ms: int
    exercise: str
    kind: str
    value: float


class SessionSummed(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="summary"):
    """What was confirmed of a session that ends, and the weeks running with a session."""

    session: SessionId
    at_ms: int
    set_count: int
    volume_kg: float
    streak_weeks: int


class Overridden(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="overridden"):
    """What the user said in `session` at `at_ms` does not count, as something said on another device does.

    Of a label `start_ms` and what was done, None for nothing, here and by the other.
    """

    session: str
    at_ms: int
    what: Literal["label", "training", "plan"]
    by_session: str
    by_device: str
    start_ms: int | None = None
    exercise: str | None = None
    by_exercise: str | None = None


class TipTold(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="tip"):
    """How a set is or was done; with `stop` a limit is passed that was prescribed."""

    session: SessionId
    at_ms: int
    exercise: str
    kind: TipKind
    text: str
    figure: float
    stop: bool


class ProgrammeHeld(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="programme"):
    """What is prescribed now: to who prescribes, and to the user's devices."""

    programme: Programme


class WeekAdhered(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An exercise in the week that begins at `week_ms`. `reach_share` is None if no set was compared.

    `prescribed` and `done` are sets; of `measured` repetitions `within` kept the programme's bounds.
    """

    week_ms: int
    exercise: str
    prescribed: int
    done: int
    days: int
    repetitions: int
    measured: int
    within: int
    reach_share: float | None


class AdherenceTold(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="adherence"):
    """What was done of the programme until `at_ms`, to who asked; by week and exercise, oldest first."""

    at_ms: int
    weeks: tuple[WeekAdhered, ...]


class ConsentHeld(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="consent"):
    """What the user agreed to, as it holds now, to all of the user's devices."""

    at_ms: int
    recognition: bool
    statistics: bool
    training: bool


class UserTold(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="user"):
    """What holds of the user, once all that it contains is durable: to who said something of it, or asked."""

    profile: Profile | None
    body: Body
    training: Training
    plan: TrainingPlan | None
    programme: Programme
    own_exercises: tuple[Contributed, ...]
    consent: ConsentHeld
    deleted: tuple[SessionId, ...] = ()
    settled_ms: int = 0


class SessionEnded(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="ended"):
    session: SessionId
    at_ms: int


LiveReply = ExerciseRecognised | SetFound | RestBegan | SetUpBegan | ExerciseAdvised | TipTold | SessionEnded
CoachReply = SessionPlanned | RecordBroken | SessionSummed | Overridden
PassingReply = LiveReply | CoachReply  # never repeated: a slow reader misses some
CareReply = ProgrammeHeld | AdherenceTold


class BestsTold(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="bests"):
    """A user's personal bests by exercise, to who asked."""

    bests: Mapping[str, Best]


DeviceReply = Acknowledged | Refused | CareReply | ConsentHeld | PassingReply
DirectReply = UserTold | BestsTold  # to the API alone
Reply = DeviceReply | DirectReply


class LiveUpdate(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A live reply with its user, for those who watch."""

    user: UserId
    reply: LiveReply
