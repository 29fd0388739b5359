"""Plays sessions through reference watches over real websockets; keeps what was sent and what came back."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cli.delivery import Delivery
from cli.demo.programme import PlayedSession
from domain.commands import RecogniserSite
from domain.frames import SensorFrame
from domain.identifiers import SessionId, UserId
from domain.recording import REST, Recording
from edge.artefact import Artefact
from edge.client import DeviceClient
from edge.protocol import Message
from edge.watch import Watch
from exchange.recordings import frames_of

PAUSE_MS = 60_000


@dataclass(frozen=True)
class TrueSet:
    """A set as the recording says it was."""

    user: UserId
    session: SessionId
    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int | None


@dataclass
class Played:
    """What one session sent and what came back; `frames` maps (stream, number) to its samples' SHA-256."""

    session: PlayedSession
    session_id: SessionId
    site: RecogniserSite
    streams: tuple[str, ...]
    model: Artefact | None = None
    frames: dict[tuple[str, int], bytes] = field(default_factory=dict)
    bytes_sent: int = 0
    acknowledged: int = 0
    truths: list[TrueSet] = field(default_factory=list)
    sets: list[Message] = field(default_factory=list)
    suggestions: list[Message] = field(default_factory=list)
    refusals: list[Message] = field(default_factory=list)


@dataclass(frozen=True)
class Wearer:
    """A user with a watch: the token, and the key that models must be signed with."""

    user: UserId
    token: str
    verify_key: bytes


Listener = Callable[[UserId, str, Message], None]


async def play(
    url: str,
    wearer: Wearer,
    sessions: Sequence[tuple[PlayedSession, int, RecogniserSite]],
    tell: Listener,
    *,
    needs_model: bool,
) -> list[Played]:
    """Play sessions one after the other; each with its start (ms since 1970) and who recognises.

    Returns when everything is acknowledged; raises what the connection found wrong.
    """
    player = _Player(url, wearer, tell)
    return await player.play(sessions, needs_model=needs_model)


class _Player:
    """One wearer's watch and its connection."""

    def __init__(self, url: str, wearer: Wearer, tell: Listener) -> None:
        self._user = wearer.user
        self._tell = tell
        self._client = DeviceClient(wearer.token, f"{wearer.user}-watch", verify_key=wearer.verify_key)
        self._delivery = Delivery(self._client, url, self._notify, wearer.user)
        self._played: list[Played] = []
        self._watch = Watch(self._client)

    async def play(
        self, sessions: Sequence[tuple[PlayedSession, int, RecogniserSite]], *, needs_model: bool
    ) -> list[Played]:
        if sessions:
            # The demonstration learns from its people overnight, which nobody's data is used for unasked.
            self._client.consent(sessions[0][1], recognition=True, statistics=False, training=True)
        async with self._delivery:
            if needs_model:
                await self._delivery.until(lambda: self._client.model is not None, "no model was offered")
            for session, start_ms, site in sessions:
                self._played.append(_new(session, start_ms, site, self._client))
                await self._play_one(self._played[-1], start_ms)
        for each in self._played:
            each.acknowledged = sum(
                self._client.outbox.acknowledged(each.session_id, stream) for stream in each.streams
            )
            each.refusals = [m for m in self._client.refusals if m.get("session") == each.session_id]
        return self._played

    async def _play_one(self, played: Played, at_ms: int) -> None:
        location = played.session.recordings[0].location
        streams = [(letter, letter, location) for letter in played.streams]
        self._watch.open_session(played.session_id, at_ms, played.site, streams)
        before = REST
        for recording in played.session.recordings:
            if REST not in (before, recording.label):
                at_ms += PAUSE_MS  # nobody recorded the rest between these sets, so nothing is sent
            start_ms, before = at_ms, recording.label
            for frame in _frames(recording, played, start_ms):
                self._watch.frame(frame)
                at_ms = max(at_ms, round(frame.end_ms))
                await self._delivery.has_room()
            if recording.label != REST:
                _confirm(self._client, played, recording, start_ms, at_ms)
        self._watch.close_session(at_ms)
        self._delivery.changed()
        await self._delivery.until(lambda: self._client.is_idle, "frames stay unacknowledged")

    def _notify(self, message: Message) -> None:
        if message["type"] == "suggestion":
            self._watch.advised(message["exercise"])
        if self._played:
            _keep(self._played, message)
            self._tell(self._user, self._played[-1].site, message)


def _new(session: PlayedSession, start_ms: int, site: RecogniserSite, client: DeviceClient) -> Played:
    letters = set.intersection(*(set(recording.values) for recording in session.recordings))
    name = hashlib.sha256(f"{session.user} {session.name} {start_ms}".encode()).hexdigest()[:16]
    return Played(session, SessionId(f"s-{name}"), site, tuple(sorted(letters)), client.model)


def _frames(recording: Recording, played: Played, start_ms: int) -> Iterator[SensorFrame]:
    """Frames of one second, the sensors in turn; what is sent is noted."""
    numbers = Counter(stream for stream, _ in played.frames)
    for frame in frames_of(recording, played.session_id, played.streams, start_ms, numbers):
        played.frames[frame.stream, frame.sequence_nr] = hashlib.sha256(frame.samples).digest()
        played.bytes_sent += len(frame.samples)
        yield frame


def _confirm(client: DeviceClient, played: Played, recording: Recording, start_ms: int, end_ms: int) -> None:
    """The wearer says what the set was."""
    truth = TrueSet(
        played.session.user, played.session_id, start_ms, end_ms, recording.label, recording.repetitions
    )
    played.truths.append(truth)
    client.label(
        played.session_id, start_ms, end_ms, recording.label, recording.repetitions, recording.weight_kg
    )


def _keep(played: list[Played], message: Message) -> None:
    for each in played:
        if message.get("session") == each.session_id:
            if message["type"] == "set":
                each.sets.append(message)
            elif message["type"] == "suggestion":
                each.suggestions.append(message)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
