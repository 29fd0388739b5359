"""What a device is told of the replies of a session actor."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.replies import (
    Acknowledged,
    AdherenceTold,
    ConsentHeld,
    DeviceReply,
    ExerciseAdvised,
    ExerciseRecognised,
    Overridden,
    ProgrammeHeld,
    RecordBroken,
    Refused,
    RestBegan,
    SessionEnded,
    SessionPlanned,
    SessionSummed,
    SetFound,
    SetUpBegan,
    TipTold,
)
from gateway.devices import coach_messages
from gateway.devices.care_messages import care_message_of
from gateway.devices.coach_messages import Record, Suggestion, Summary, plan_of
from gateway.devices.protocol import Ack, Ended, Error, FoundSet, Recognised, Rest, ServerMessage, SettingUp


def message_of(user: str, reply: DeviceReply) -> ServerMessage:
    """What a device is told of a session actor's reply."""
    match reply:
        case Acknowledged():
            return Ack(user=user, session=reply.session, stream=reply.stream, next=reply.next_nr)
        case Refused():
            return _refusal(user, reply)
        case SetFound():
            fields: dict[str, Any] = msgspec.structs.asdict(reply)
            return FoundSet(user=user, model=fields.pop("model_id"), **fields)
        case ExerciseRecognised():
            return Recognised(user=user, **msgspec.structs.asdict(reply))
        case RestBegan():
            return Rest(user=user, **msgspec.structs.asdict(reply))
        case SetUpBegan():
            return SettingUp(user=user, **msgspec.structs.asdict(reply))
        case ExerciseAdvised():
            return Suggestion(user=user, **msgspec.structs.asdict(reply))
        case TipTold() | ProgrammeHeld() | AdherenceTold() | ConsentHeld():
            return care_message_of(user, reply)
        case SessionPlanned():
            return plan_of(user, reply)
        case RecordBroken():
            return Record(user=user, **msgspec.structs.asdict(reply))
        case SessionSummed():
            return Summary(user=user, **msgspec.structs.asdict(reply))
        case Overridden():
            return coach_messages.Overridden(user=user, **msgspec.structs.asdict(reply))
        case SessionEnded():
            return Ended(user=user, **msgspec.structs.asdict(reply))


def _refusal(user: str, reply: Refused) -> Error:
    return Error(
        code=reply.code,
        wrong=reply.wrong,
        expected=reply.expected,
        remedy=reply.remedy,
        retry=reply.retry,
        user=user,
        session=reply.session,
        stream=reply.stream,
        nr=reply.sequence_nr,
        expected_nr=reply.expected_nr,
    )
