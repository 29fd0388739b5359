"""A user's sessions on a device without a network: planned, coached and recorded by the rules of the server.

The device keeps a state of the user of its own, on which it decides as the session actor does on the user's:
the same commands lead to the same events. They go into the client's outbox, and when there is a network again
they merge with what other devices did meanwhile (domain/sets.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coach.coaching import Coaching
from domain.command_checks import check_command
from domain.commands import (
    COMMANDS,
    CloseSession,
    Command,
    ConfirmLabel,
    ContributeExercise,
    OpenSession,
    RecordSet,
    RefuseSuggestion,
    SetPlan,
    SetTraining,
    Stream,
    Suggest,
    SuggestHere,
    TellProfile,
    WithdrawLabel,
)
from domain.contributed import Contributed
from domain.identifiers import DeviceId, SessionId, StreamId
from domain.plans import TrainingPlan
from domain.profile_commands import MeasureBody, SetProfile
from domain.replies import CoachReply
from domain.training import Training
from domain.user import User, decide, evolve
from edge.client import DeviceClient
from edge.protocol import Message

Said = Suggest | CoachReply


class OfflineCoach:
    """One session at a time, through `client` of device `device`, which opens no others of these names.

    `user` is what the device knows of the user to begin with. Every call returns what there is to show;
    it raises InvalidInput for values outside their limits, and Rejected for a session that is not open.
    """

    def __init__(self, client: DeviceClient, device: str, user: User | None = None) -> None:
        self.user = user or User()
        self._client = client
        self._device = DeviceId(device)
        self._coaching = Coaching("device")
        self._session = SessionId("")

    def open(self, session: str, at_ms: int, streams: Sequence[tuple[str, str, str]] = ()) -> list[Said]:
        """Begin a session; `streams` are (name, sensor letter, location).

        The wishes are said again with it, so that the server knows where and by which clock it is.
        """
        self._session = SessionId(session)
        opened = OpenSession(
            session=self._session,
            command_nr=self._next_nr(),
            at_ms=at_ms,
            device=self._device,
            recogniser="device",
            streams=tuple(
                Stream(stream=StreamId(name), sensor=sensor, location=location)
                for name, sensor, location in streams
            ),
            coach="device",
        )
        said = self._do(opened)
        return self.train(self.user.training) if self.user.training.at_ms else said

    def train(self, training: Training) -> list[Said]:
        """The user says how to train."""
        return self._do(SetTraining(session=self._session, command_nr=self._next_nr(), training=training))

    def plan(self, plan: TrainingPlan) -> list[Said]:
        """A coach, or the user, plans sessions."""
        return self._do(SetPlan(session=self._session, command_nr=self._next_nr(), plan=plan))

    def contribute(self, exercise: Contributed) -> list[Said]:
        """The user describes an exercise that the catalogue does not have."""
        session, number = self._session, self._next_nr()
        return self._do(ContributeExercise(session=session, command_nr=number, exercise=exercise))

    def tell(self, told: SetProfile | MeasureBody) -> list[Said]:
        """The user says who they are, or what was measured."""
        return self._do(TellProfile(session=self._session, command_nr=self._next_nr(), told=told))

    def recognised(
        self, start_ms: int, end_ms: int, exercise: str, confidence: float, repetitions: int, model: str
    ) -> list[Said]:
        """The device's recogniser found a set."""
        found = RecordSet(
            session=self._session,
            command_nr=self._next_nr(),
            start_ms=start_ms,
            end_ms=end_ms,
            exercise=exercise,
            confidence=confidence,
            repetitions=repetitions,
            model_id=model,
        )
        return self._do(found)

    def label(
        self,
        start_ms: int,
        end_ms: int,
        exercise: str,
        repetitions: int | None,
        weight_kg: float | None,
        *,
        said_ms: int | None = None,
    ) -> list[Said]:
        """The user confirms a set, or corrects it at `said_ms`."""
        confirmed = ConfirmLabel(
            session=self._session,
            command_nr=self._next_nr(),
            start_ms=start_ms,
            end_ms=end_ms,
            exercise=exercise,
            repetitions=repetitions,
            weight_kg=weight_kg,
            said_ms=said_ms,
        )
        return self._do(confirmed)

    def withdraw(self, start_ms: int, end_ms: int, said_ms: int) -> list[Said]:
        """The user says that no set was done in that time."""
        withdrawn = WithdrawLabel(
            session=self._session,
            command_nr=self._next_nr(),
            start_ms=start_ms,
            end_ms=end_ms,
            said_ms=said_ms,
        )
        return self._do(withdrawn)

    def refuse(self, at_ms: int, exercise: str) -> list[Said]:
        """The user does not want an exercise today."""
        return self._do(
            RefuseSuggestion(
                session=self._session, command_nr=self._next_nr(), at_ms=at_ms, exercise=exercise
            )
        )

    def close(self, at_ms: int) -> list[Said]:
        return self._do(CloseSession(session=self._session, command_nr=self._next_nr(), at_ms=at_ms))

    def _next_nr(self) -> int:
        return self._client.outbox.next_number(self._session, COMMANDS)

    def _do(self, command: Command) -> list[Said]:
        """Decide, record, and say what the coach makes of it; what it suggests is recorded too."""
        happened = decide(self.user, check_command(command))
        _record(self._client, command)
        said: list[Said] = []
        for event in happened:
            before, self.user = self.user, evolve(self.user, event)
            for each in self._coaching.happened(before, self.user, event):
                said.append(each)
                if isinstance(each, Suggest):
                    said += self._do(self._suggested(each))
        return said

    def _suggested(self, advice: Suggest) -> SuggestHere:
        return SuggestHere(
            session=advice.session,
            command_nr=self._next_nr(),
            at_ms=advice.at_ms,
            exercise=advice.exercise,
            weight_kg=advice.weight_kg,
            repetitions=advice.repetitions,
            reason=advice.reason,
            rest_s=advice.rest_s,
        )


def _record(client: DeviceClient, command: Command) -> None:
    """Put `command`, whose number is the next, into the outbox."""
    fields = msgspec.structs.asdict(command)
    fields.pop("command_nr", None)
    match command:
        case OpenSession():
            streams = [(each.stream, each.sensor, each.location) for each in command.streams]
            client.open_session(command.session, command.at_ms, "device", streams, coach="device")
        case ConfirmLabel():
            client.label(**fields)
        case WithdrawLabel():
            client.withdraw(**fields)
        case RecordSet():
            client.record_set(model=fields.pop("model_id"), **fields)
        case SetTraining():
            wishes = msgspec.structs.asdict(command.training)
            place = command.training.place
            wishes["place"] = None if place is None else msgspec.structs.asdict(place)
            client.training(command.session, **wishes)
        case SetPlan():
            client.plan(command.session, command.plan.at_ms, command.plan.author, _sessions(command.plan))
        case ContributeExercise():
            client.exercise(command.session, **msgspec.structs.asdict(command.exercise))
        case TellProfile():
            tell = client.profile if isinstance(command.told, SetProfile) else client.measure
            tell(command.session, **msgspec.structs.asdict(command.told))
        case RefuseSuggestion():
            client.refuse(**fields)
        case SuggestHere():
            client.suggested(**fields)
        case CloseSession():
            client.close_session(**fields)


def _sessions(plan: TrainingPlan) -> list[Message]:
    return [
        {**msgspec.structs.asdict(each), "exercises": [msgspec.structs.asdict(one) for one in each.exercises]}
        for each in plan.sessions
    ]
