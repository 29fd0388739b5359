"""The messages between devices and the server; no I/O. `docs/protocol.md` describes them for other languages.

Each message is one binary websocket message: a MessagePack map whose `type` names it. Unknown fields are
ignored, so that newer devices may talk to older servers.
"""

from __future__ import annotations

import msgspec

from domain.commands import Stream
from domain.errors import InvalidInput, MuvrError
from gateway.devices import coach_messages
from gateway.devices.care_messages import CareAnswer, MeasuredForm, TimedMessage
from gateway.devices.coach_messages import (
    Measured,
    OwnExercise,
    OwnPlan,
    OwnSuggestion,
    Plan,
    ProfileOfUser,
    Record,
    Refuse,
    Suggestion,
    Summary,
    TrainingWishes,
    Withdraw,
)

VERSION = 1
MESSAGE_BYTES_MAX = 16 * 1024  # a frame of 4,096 samples and its fields, with room to spare
MODEL_PART_BYTES = 8 * 1024


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """First message of a device: the protocol version it speaks, its token and its name."""

    version: int
    token: str
    device: str


class Open(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="open"):
    session: str
    nr: int
    at_ms: int
    recogniser: str
    streams: tuple[Stream, ...]
    coach: str = "server"
    user: str | None = None


class Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="frame", gc=False):
    session: str
    stream: str
    nr: int
    sensor: str
    start_ms: int
    rate_hz: float
    scale: float
    samples: bytes
    user: str | None = None


class Label(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="label"):
    session: str
    nr: int
    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int | None = None
    weight_kg: float | None = None
    said_ms: int | None = None
    user: str | None = None


class RecognisedSet(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="set"):
    """A set that the device itself recognised."""

    session: str
    nr: int
    start_ms: int
    end_ms: int
    exercise: str
    confidence: float
    repetitions: int
    model: str
    user: str | None = None


class Close(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="close"):
    session: str
    nr: int
    at_ms: int
    user: str | None = None


class GetModel(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="get_model"):
    """Ask for the part of an offered model that begins at byte `offset`."""

    digest: str
    offset: int


SessionMessage = (
    Open
    | Frame
    | Label
    | Withdraw
    | RecognisedSet
    | MeasuredForm
    | TrainingWishes
    | OwnPlan
    | OwnExercise
    | ProfileOfUser
    | Measured
    | Refuse
    | OwnSuggestion
    | Close
)
DeviceMessage = Hello | SessionMessage | TimedMessage | GetModel


class Offer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="model", omit_defaults=True):
    """A model for devices to run: fetch it with get_model, check digest and signature, then use it.

    One with a `user` is for that user, in place of the others of its sensor set.
    """

    model: str
    sensor_set: str
    digest: str
    bytes: int
    user: str | None = None


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="welcome"):
    """`credit` is how many messages may be unacknowledged at a time, `user_credit` how many of one user."""

    version: int
    credit: int
    user_credit: int
    message_bytes_max: int
    models: tuple[Offer, ...]


class Redirect(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="redirect", omit_defaults=True
):
    """The user is served at `url`, for a device that connects after `wait_ms`; `user` is named where a
    connection is of several.
    """

    url: str
    wait_ms: int = 0
    user: str | None = None


class Leaving(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="leaving"):
    """The node stops, and knows no other: connect again after `wait_ms`."""

    wait_ms: int


class ModelPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="model_part"):
    digest: str
    offset: int
    total: int
    data: bytes


class Ack(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="ack"):
    user: str
    session: str
    stream: str
    next: int


class Recognised(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="recognised"):
    user: str
    session: str
    at_ms: int
    exercise: str
    confidence: float
    repetitions: int


class FoundSet(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="set"):
    user: str
    session: str
    start_ms: int
    end_ms: int
    exercise: str
    confidence: float
    repetitions: int
    model: str


class Rest(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="rest"):
    user: str
    session: str
    since_ms: int


class SettingUp(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="setting_up"):
    user: str
    session: str
    since_ms: int


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="ended"):
    user: str
    session: str
    at_ms: int


class Error(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error", omit_defaults=True):
    """What was wrong, what was expected and what to do. With `retry` the same may be sent again.

    `stream` and `nr` name the message that was refused; `expected_nr` says where to begin again; `digest`
    names the model that cannot be had.
    """

    code: str
    wrong: str
    expected: str
    remedy: str
    retry: bool
    user: str | None = None
    session: str | None = None
    stream: str | None = None
    nr: int | None = None
    expected_nr: int | None = None
    digest: str | None = None


ServerMessage = (
    Welcome
    | Redirect
    | Leaving
    | Offer
    | ModelPart
    | Ack
    | Recognised
    | FoundSet
    | Rest
    | SettingUp
    | Suggestion
    | Plan
    | CareAnswer
    | Record
    | Summary
    | coach_messages.Overridden
    | Ended
    | Error
)

_decoder: msgspec.msgpack.Decoder[DeviceMessage] = msgspec.msgpack.Decoder(DeviceMessage)
encode = msgspec.msgpack.Encoder().encode


def decode(data: bytes) -> DeviceMessage:
    """Decode a device's message; raises InvalidInput for anything that is none."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise too_long(len(data))
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(
            f"a message that cannot be read ({error})",
            expected="a MessagePack map with a known `type`, see docs/protocol.md",
            remedy="correct the device",
        ) from error


def too_long(size_bytes: int) -> InvalidInput:
    return InvalidInput(
        f"a message of {size_bytes} bytes",
        expected=f"at most {MESSAGE_BYTES_MAX}",
        remedy="send shorter frames",
    )


def error_message(error: MuvrError) -> Error:
    """The message about something that concerns the connection as a whole."""
    return Error(
        code=error.code,
        wrong=error.wrong,
        expected=error.expected,
        remedy=error.remedy,
        retry=error.retry,
    )
