"""What a device's messages ask of a user's session actor."""

from __future__ import annotations

from typing import cast

from domain.commands import (
    AcceptFrame,
    CloseSession,
    CoachSite,
    Command,
    ConfirmLabel,
    OpenSession,
    RecogniserSite,
    RecordSet,
)
from domain.errors import InvalidInput
from domain.frames import SensorFrame
from domain.identifiers import DeviceId, ModelId, SessionId, StreamId
from gateway.devices import care_messages, protocol
from gateway.devices.coach_commands import coach_command_of


def command_of(message: protocol.SessionMessage | care_messages.TimedMessage, device: DeviceId) -> Command:
    """The command of a message; raises InvalidInput for a word that is none of those that it may be."""
    match message:
        case protocol.Frame():
            frame = SensorFrame(
                session=SessionId(message.session),
                stream=StreamId(message.stream),
                sequence_nr=message.nr,
                sensor=message.sensor,
                start_ms=message.start_ms,
                rate_hz=message.rate_hz,
                scale=message.scale,
                samples=message.samples,
            )
            return AcceptFrame(frame=frame)
        case care_messages.Prescribe() | care_messages.GetAdherence() | care_messages.GiveConsent():
            return care_messages.timed_command(message, device)
        case care_messages.MeasuredForm():
            return care_messages.form_command(message)
        case protocol.Open():
            return _open_of(message, device)
        case protocol.Label():
            return ConfirmLabel(
                session=SessionId(message.session),
                command_nr=message.nr,
                start_ms=message.start_ms,
                end_ms=message.end_ms,
                exercise=message.exercise,
                repetitions=message.repetitions,
                weight_kg=message.weight_kg,
                said_ms=message.said_ms,
            )
        case protocol.RecognisedSet():
            return RecordSet(
                session=SessionId(message.session),
                command_nr=message.nr,
                start_ms=message.start_ms,
                end_ms=message.end_ms,
                exercise=message.exercise,
                confidence=message.confidence,
                repetitions=message.repetitions,
                model_id=ModelId(message.model),
            )
        case protocol.Close():
            return CloseSession(
                session=SessionId(message.session), command_nr=message.nr, at_ms=message.at_ms
            )
        case _:
            return coach_command_of(message)


def _open_of(message: protocol.Open, device: DeviceId) -> OpenSession:
    if message.recogniser not in ("server", "device"):
        raise InvalidInput(f"recogniser {message.recogniser[:16]!r}", expected="'server' or 'device'")
    if message.coach not in ("server", "device"):
        raise InvalidInput(f"coach {message.coach[:16]!r}", expected="'server' or 'device'")
    return OpenSession(
        session=SessionId(message.session),
        command_nr=message.nr,
        at_ms=message.at_ms,
        device=device,
        recogniser=cast(RecogniserSite, message.recogniser),
        streams=message.streams,
        coach=cast(CoachSite, message.coach),
    )
