"""Every parser of bytes from outside: given any bytes it returns, or raises the error that it documents.

What escapes from a target is a defect. `TARGETS` has them by name.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import jwt
import msgspec
import numpy as np

from actors.form_references import references_of
from actors.night import decode_night, decode_state
from domain.command_checks import check_command
from domain.commands import AcceptFrame
from domain.errors import (
    InvalidArtefact,
    InvalidFile,
    InvalidFrame,
    InvalidInput,
    InvalidRecording,
    NotAuthorised,
    StoredValueCorrupt,
)
from domain.events import JournalEvent
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId
from domain.sensors import SensorSet
from domain.user import User
from edge import artefact, recordings
from edge.addresses import Addresses
from edge.client import DeviceClient
from edge.int8 import Int8Network
from edge.recogniser import Recogniser
from exchange.names import Names
from exchange.planning import plan
from exchange.reading import read
from gateway.auth import SCOPES
from gateway.devices import protocol
from gateway.devices.connection import Connection
from persistence.batch_tables import BatchStateRow
from persistence.blobs import FORMAT_VERSION, BlobCodec
from persistence.journal import EVENT_UPCASTERS
from persistence.models import ModelStore
from persistence.ports import Store
from persistence.runs import RunStore
from persistence.schema import Timestamp
from persistence.snapshots import STATE_UPCASTERS
from persistence.sqlite import SqliteStore
from persistence.tables import EvaluationRow, ModelRow
from tests.exchange.files import CLOCK
from tests.gateway.device_example import KEY, gateway_token, hello, make_tokens, offers_of, token

MACHINE_WORK_MAX = 1 << 22  # multiplications of a network that is run here, not only read

_EVENTS: BlobCodec[JournalEvent] = BlobCodec(JournalEvent, EVENT_UPCASTERS)
_STATES: BlobCodec[User] = BlobCodec(User, STATE_UPCASTERS)
_DIRECTORY = Path(tempfile.mkdtemp(prefix="muvr-fuzz-"))
_OFFERS = offers_of(SqliteStore(_DIRECTORY / "store"))
_TOKENS = make_tokens()
_HELLOS = (None, hello(), hello(gateway_token()), hello(token("ann", "coach")), hello(token("ann", "user")))


def device_messages(data: bytes) -> None:
    """What a device sends: the first byte says who it is, then each message follows its length."""
    connection = Connection(_TOKENS, _OFFERS)
    greeting = _HELLOS[data[0] % len(_HELLOS)] if data else None
    if greeting is not None:
        connection.receive(greeting)
    for part in _parts(data[1:]):
        output = connection.receive(part)
        for message in output.send:
            protocol.encode(message)
        msgspec.msgpack.encode(output.forward)
        output.close_reason.encode()


def frame(data: bytes) -> None:
    """A frame's fields, as far as a recogniser uses them."""
    if len(data) < 24:
        return
    sensor, start_ms, rate_hz, scale = data[:1], *struct.unpack("<qdf", data[1:21])
    made = SensorFrame(
        session=SessionId("s"),
        stream=StreamId("a"),
        sequence_nr=data[21],
        sensor=sensor.decode("latin-1"),
        start_ms=start_ms,
        rate_hz=rate_hz,
        scale=scale,
        samples=data[22:],
    )
    with suppress(InvalidFrame):
        check_command(AcceptFrame(frame=made))
        listening = Recogniser(SensorSet.parse("a@50"), ("rest", "squat"))
        for window in listening.push(made):
            assert np.isfinite(window.samples).all()


def server_messages(data: bytes) -> None:
    """What a server sends to a device."""
    client = DeviceClient("t", "d", verify_key=bytes(32))
    client.hello()
    client.open_session("s", 1, "server", [("a", "a", "wrist")])
    for part in _parts(data):
        with suppress(InvalidInput, NotAuthorised):
            told = client.receive(part)
            if told is not None and told["type"] == "redirect":
                addresses = Addresses(["ws://a:1"])
                addresses.redirected(told["url"])
                addresses.ended(is_leaving=False)
        client.to_send()


def model_file(data: bytes) -> None:
    """A model: as it comes, and with a checksum that is right. What is accepted can be run."""
    for file in (data, data + hashlib.sha256(data).digest()):
        with suppress(InvalidArtefact):
            read = artefact.decode(file)
            shape = (1, read.sensor_set.window_samples, read.sensor_set.channel_count)
            if len(file) * shape[1] <= MACHINE_WORK_MAX:
                Int8Network(read).probabilities(np.zeros(shape, np.float32))


def access_token(data: bytes) -> None:
    """A token: as it comes, and its content under a right signature."""
    with suppress(NotAuthorised):
        _TOKENS.verify(data.decode("utf-8", "replace"), SCOPES)
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    signed = header + b"." + jwt.utils.base64url_encode(data)
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed, KEY)
    with suppress(NotAuthorised):
        _TOKENS.verify((signed + b"." + jwt.utils.base64url_encode(signature)).decode(), SCOPES)


def recording(data: bytes) -> None:
    """A file of samples, packed or not."""
    for name, content in (("r.csv", data), ("r.csv.gz", gzip.compress(data, 1)), ("s.csv.gz", data)):
        row = {"file": name, "subject": "p", "session": "s", "label": "squat", "reps": "8", "weight_kg": ""}
        (_DIRECTORY / name).write_bytes(content)
        with suppress(InvalidRecording):
            recordings.load(_DIRECTORY, row | {"rate_hz": "50", "device": "w", "location": "wrist"})


def recordings_index(data: bytes) -> None:
    (_DIRECTORY / "index.csv").write_bytes(data)
    with suppress(InvalidRecording):
        recordings.load_directory(_DIRECTORY)


def training_file(data: bytes) -> None:
    """What another program wrote, FIT, XML or text, read and planned as sessions."""
    with suppress(InvalidFile):
        plan(read(data, "file", CLOCK), Names(), keep_unknown=True)


def journal_blob(data: bytes) -> None:
    """The first byte is the version of the format; also one whose version is of today."""
    for blob in (data, bytes([1 + data[0] % FORMAT_VERSION]) + data[1:] if data else b""):
        with suppress(StoredValueCorrupt):
            _EVENTS.open(_Plain(), blob, b"", "event %d", 1)  # type: ignore[arg-type]


def snapshot_blob(data: bytes) -> None:
    for blob in (data, bytes([1 + data[0] % FORMAT_VERSION]) + data[1:] if data else b""):
        with suppress(StoredValueCorrupt):
            _STATES.open(_Plain(), blob, b"", "snapshot %d", 1)  # type: ignore[arg-type]


def night_row(data: bytes) -> None:
    """Texts that the nights keep: a night, their state, that of the batch, what a model learned from."""
    text = data.decode("utf-8", "replace")
    with suppress(StoredValueCorrupt):
        decode_state(text)
    with suppress(StoredValueCorrupt):
        decode_night(text, "n")
    with suppress(StoredValueCorrupt):
        RunStore(_store_with(BatchStateRow("windows", text))).state()
    model = ModelRow("everyone", "a@50", Timestamp(1), "m", "d", "rest", 1, 1, 0.0, text)
    with suppress(StoredValueCorrupt):
        ModelStore(_store_with(model)).sessions_learned("m")
    evaluation = EvaluationRow("m", Timestamp(1), "test", 1.0, 1.0, 1.0, 1.0, text)
    references_of(ModelStore(_store_with(evaluation)), "m", SensorSet.parse("a@50"))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        device_messages,
        frame,
        server_messages,
        model_file,
        access_token,
        recording,
        recordings_index,
        training_file,
        journal_blob,
        snapshot_blob,
        night_row,
    )
}


class _Plain:
    """A cipher that does nothing: what lies under the encryption is looked at."""

    @staticmethod
    def open(blob: bytes, context: bytes) -> bytes:
        return blob


class _OneRow:
    """A store in which there is that row, wherever one looks."""

    def __init__(self, row: Any) -> None:
        self._row = row

    def read(self, *where: object, **bounds: object) -> Iterator[Any]:
        return iter([self._row])

    scan = read


def _store_with(row: Any) -> Store:
    return cast(Store, _OneRow(row))


def _parts(data: bytes) -> Iterator[bytes]:
    """Each part follows its length in two bytes; the last one may be shorter."""
    while len(data) > 2:
        end = 2 + int.from_bytes(data[:2], "big")
        yield data[2:end]
        data = data[end:]
