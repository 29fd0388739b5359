"""A device's end of a connection, without I/O: records sessions, keeps what is unacknowledged, takes models.

client.hello()            first message of every connection
client.receive(data)      takes a message of the server, returns what the application should know
client.to_send()          messages to send now, within the server's credit
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from domain.errors import InvalidArtefact, NotAuthorised
from domain.frames import SensorFrame
from edge import protocol
from edge.artefact import FILE_BYTES_MAX, Artefact, decode, digest
from edge.outbox import Outbox
from edge.protocol import Message
from edge.telling import Telling

COMMANDS = ""  # the stream in which a session's open, label, set and close are numbered
REFUSALS_MAX = 1000  # of those that were told, the newest are kept
_FATAL_CODES = ("not_authorised",)


class DeviceClient(Telling):
    """One user's device. `verify_key` is the Ed25519 key of the models; without one, none is taken."""

    def __init__(self, token: str, device: str, *, verify_key: bytes | None = None) -> None:
        self._token = token
        self._device = device
        self._verify_key = verify_key
        self._credit = 0
        self._requests: list[bytes] = []
        self._offer: Message | None = None
        self._part = b""
        self._consent: Message | None = None  # until it is answered
        self._is_consent_sent = False  # on this connection, and not refused since
        self._unusable: set[str] = set()  # digests of models that were fetched and refused
        self.outbox = Outbox()
        self.model: Artefact | None = None
        self.refusals: deque[Message] = deque(maxlen=REFUSALS_MAX)

    @property
    def is_welcome(self) -> bool:
        """The server has answered this connection's hello, and not sent the device elsewhere."""
        return self._credit > 0

    @property
    def is_idle(self) -> bool:
        """Everything recorded is acknowledged, and no model is on its way."""
        return not self.outbox and self._offer is None and self._consent is None

    def hello(self) -> bytes:
        """A new connection: nothing sent on an older one can be relied on."""
        self.disconnected()
        return protocol.encode(
            {"type": "hello", "version": protocol.VERSION, "token": self._token, "device": self._device}
        )

    def disconnected(self) -> None:
        """The connection has ended: what it left unacknowledged, and a model half fetched, comes anew."""
        self._credit = 0
        self._offer, self._requests = None, []
        self.retry()

    def to_send(self) -> list[bytes]:
        """Messages to send now; none before the server's welcome, and none after its redirect."""
        if not self.is_welcome:
            return []
        requests, self._requests = self._requests, []
        if self._consent is not None and not self._is_consent_sent:
            self._is_consent_sent = True
            requests = [*requests, protocol.encode(self._consent)]
        return requests + self.outbox.take(self._credit)

    def retry(self) -> None:
        """Send everything unacknowledged again, after a refusal that said so."""
        self._is_consent_sent = False
        self.outbox.rewind()

    def receive(self, data: bytes) -> Message | None:
        """Take a message; return it if it is for the application, or says where and when to connect again:
        a `redirect`, to go on at its `url`, or `leaving`.

        Raises NotAuthorised if the server turned the device away, InvalidInput for what is no message. A
        model that cannot be used is told to the application as `model_refused`; the one in use is kept.
        """
        message = protocol.decode(data)
        if message is None:
            return None
        match message["type"]:
            case "welcome":
                self._credit = max(1, message["credit"])
                for offer in message["models"]:
                    self._consider(offer)
            case "redirect":
                self._credit = 0
                return message
            case "ack":
                self.outbox.acknowledge(message["session"], message["stream"], message["next"])
            case "model":
                self._consider(message)
            case "model_part":
                return self._take_part(message)
            case "error":
                return self._refused(message)
            case "consent":
                if self._consent is not None and message["at_ms"] >= self._consent["at_ms"]:
                    self._consent = None
                return message
            case _:
                return message
        return None

    def consent(self, at_ms: int, *, recognition: bool, statistics: bool, training: bool) -> None:
        """What the user agrees to, as a whole; it is sent before all else until it is answered."""
        said = {"recognition": recognition, "statistics": statistics, "training": training}
        self._consent, self._is_consent_sent = {"type": "consent", "at_ms": at_ms, **said}, False

    def open_session(
        self, session: str, at_ms: int, recogniser: str, streams: Sequence[Any], *, coach: str = "server"
    ) -> None:
        """`streams` are (name, sensor letter, location); a device that is offline is its own `coach`."""
        message = {"type": "open", "at_ms": at_ms, "recogniser": recogniser, "streams": streams}
        self._command(session, message if coach == "server" else {**message, "coach": coach})

    def frame(self, frame: SensorFrame) -> None:
        """Record a frame; its sequence number is the outbox's."""
        message = {
            "type": "frame",
            "session": frame.session,
            "stream": frame.stream,
            "nr": self.outbox.next_number(frame.session, frame.stream),
            "sensor": frame.sensor,
            "start_ms": frame.start_ms,
            "rate_hz": frame.rate_hz,
            "scale": frame.scale,
            "samples": frame.samples,
        }
        self.outbox.add(frame.session, frame.stream, protocol.encode(message))

    def label(
        self,
        session: str,
        start_ms: int,
        end_ms: int,
        exercise: str,
        repetitions: int | None,
        weight_kg: float | None,
        *,
        said_ms: int | None = None,
    ) -> None:
        """The user confirms what was done, at its end or, to correct what was said before, at `said_ms`."""
        message = {
            "type": "label",
            "start_ms": start_ms,
            "end_ms": end_ms,
            "exercise": exercise,
            "repetitions": repetitions,
            "weight_kg": weight_kg,
        }
        self._command(session, message if said_ms is None else {**message, "said_ms": said_ms})

    def withdraw(self, session: str, start_ms: int, end_ms: int, said_ms: int) -> None:
        """The user says that no set was done in that time."""
        message = {"type": "withdraw", "start_ms": start_ms, "end_ms": end_ms, "said_ms": said_ms}
        self._command(session, message)

    def record_set(
        self,
        session: str,
        start_ms: int,
        end_ms: int,
        exercise: str,
        confidence: float,
        repetitions: int,
        model: str,
    ) -> None:
        """The device's own recogniser found a set."""
        self._command(
            session,
            {
                "type": "set",
                "start_ms": start_ms,
                "end_ms": end_ms,
                "exercise": exercise,
                "confidence": confidence,
                "repetitions": repetitions,
                "model": model,
            },
        )

    def close_session(self, session: str, at_ms: int) -> None:
        self._command(session, {"type": "close", "at_ms": at_ms}, is_last=True)

    def _command(self, session: str, message: Message, *, is_last: bool = False) -> None:
        number = self.outbox.next_number(session, COMMANDS)
        data = protocol.encode({**message, "session": session, "nr": number})
        self.outbox.add(session, COMMANDS, data, is_last=is_last)

    def _refused(self, message: Message) -> Message | None:
        if message["code"] in _FATAL_CODES:
            raise NotAuthorised(
                message["wrong"], expected=message.get("expected", ""), remedy=message.get("remedy", "")
            )
        session = message.get("session")
        if session is not None:
            return self._session_refused(session, message)
        if message.get("digest") is not None:
            if self._offer is not None and self._offer["digest"] == message["digest"]:
                self._offer = None  # withdrawn while it was fetched
            return None
        if not message["retry"]:
            self.refusals.append(message)
        return message

    def _session_refused(self, session: str, message: Message) -> Message | None:
        if not session:  # a consent
            if not message["retry"]:
                self._consent = None
                self.refusals.append(message)
            return message
        if self.outbox.is_dropped(session):
            return None  # what was on the way when the session was refused
        stream, expected_nr = message.get("stream") or COMMANDS, message.get("expected_nr")
        if expected_nr is not None and expected_nr >= self.outbox.acknowledged(session, stream):
            self.outbox.rewind_to(session, stream, expected_nr)
            return None
        if expected_nr is None and (message["retry"] or self._is_early(session, message)):
            return {**message, "retry": True}
        self.refusals.append(message)
        self.outbox.drop_session(session)
        return message

    def _is_early(self, session: str, message: Message) -> bool:
        """True if the server does not know the session because its `open` was not written: it comes again."""
        is_open = message.get("stream") == COMMANDS and message.get("nr") == 0
        return (
            message["code"] == "rejected" and not is_open and self.outbox.acknowledged(session, COMMANDS) == 0
        )

    def _consider(self, offer: Message) -> None:
        """Fetch an offered model unless it is the one in use; a newer offer replaces one on its way."""
        if self._verify_key is None or offer["digest"] in self._unusable:
            return
        if self.model is not None and self.model.model_id == offer["model"]:
            return
        if 0 < offer["bytes"] <= FILE_BYTES_MAX:
            self._offer, self._part = offer, b""
            self._request()

    def _request(self) -> None:
        assert self._offer is not None
        self._requests.append(
            protocol.encode({"type": "get_model", "digest": self._offer["digest"], "offset": len(self._part)})
        )

    def _take_part(self, message: Message) -> Message | None:
        offer = self._offer
        if offer is None or message["digest"] != offer["digest"] or message["offset"] != len(self._part):
            return None
        self._part += message["data"]
        if message["data"] and len(self._part) < offer["bytes"]:
            self._request()
            return None
        self._offer = None
        try:
            if digest(self._part) != offer["digest"]:
                raise InvalidArtefact("the model is not what was offered", remedy="the model in use is kept")
            self.model = decode(self._part, self._verify_key)
        except InvalidArtefact as error:
            self._unusable.add(offer["digest"])
            return {"type": "model_refused", "model": offer["model"], "wrong": str(error)}
        return {"type": "model_taken", "model": self.model.model_id}


def is_retry(message: Message) -> bool:
    """True for a refusal after which the device waits a little and calls `retry`."""
    return message["type"] == "error" and bool(message["retry"])
