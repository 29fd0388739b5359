"""The recognisers of a user's open sessions: what they hear, want classified, and observe."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from actors.effects import Classified, ClassifyRequest
from actors.recognition import Model
from domain.commands import Stream
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId
from domain.state import Session
from edge.recogniser import Observation, Recogniser
from edge.sides import BothSides, SideMemory

REFEED_FRAMES_MAX = 120  # of an interrupted session, what its recogniser hears again per stream


class _Live(NamedTuple):
    model: Model
    recogniser: Recogniser
    sides: SideMemory | None


class Listening:
    """One recogniser per session that the server listens to. Most users have none, and none of these."""

    __slots__ = ("_closing", "_live", "_requested")

    def __init__(self) -> None:
        self._live: dict[SessionId, _Live] = {}
        self._requested: list[ClassifyRequest] = []
        self._closing: list[SessionId] = []

    @property
    def is_over(self) -> bool:
        return not self._live and not self.wants_answers

    @property
    def requests(self) -> list[ClassifyRequest]:
        """What `classified` wants answers to, in this order."""
        return self._requested

    @property
    def wants_answers(self) -> bool:
        return bool(self._requested or self._closing)

    def begin(self, session: SessionId, model: Model, streams: Iterable[Stream]) -> None:
        recogniser = Recogniser(model.sensor_set, model.classes)
        self._live[session] = _Live(model, recogniser, SideMemory.of(streams))

    def both_sides(self, session: SessionId, start_ms: int, end_ms: int) -> BothSides | None:
        """What left and right did in a set, of a session with a sensor on each."""
        live = self._live.get(session)
        return None if live is None or live.sides is None else live.sides.between(start_ms, end_ms)

    def expect(self, session: SessionId, prior: Mapping[str, float]) -> None:
        """Advice for a session's recogniser, if it has one."""
        if (live := self._live.get(session)) is not None:
            live.recogniser.expect(prior)

    def hear(self, frame: SensorFrame) -> None:
        live = self._live.get(frame.session)
        if live is None:
            return
        if live.sides is not None:
            live.sides.push(frame)
        windows = live.recogniser.push(frame)
        if windows:
            self._requested.append(ClassifyRequest(frame.session, live.model, windows))

    def keep(self, sessions: Collection[SessionId]) -> None:
        """Forget all but `sessions`."""
        self._live = {name: live for name, live in self._live.items() if name in sessions}

    def __contains__(self, session: SessionId) -> bool:
        return session in self._live

    def close(self, session: SessionId) -> None:
        """It ends once what was requested is classified."""
        if session in self._live:
            self._closing.append(session)

    def classified(self, answers: Classified) -> Iterator[tuple[SessionId, Model, Observation]]:
        """What the recognisers make of the classified windows; advice may be given meanwhile."""
        requests, self._requested = self._requested, []
        for request, probabilities in zip(requests, answers.probabilities, strict=True):
            live = self._live.get(request.session)
            if live is None:
                continue  # so many sessions were opened since that this one is remembered no more
            for observation in live.recogniser.classified(request.windows, probabilities):
                yield request.session, live.model, observation
        closing, self._closing = self._closing, []
        for session in closing:
            if (live := self._live.get(session)) is not None:
                for observation in live.recogniser.finish():
                    yield session, live.model, observation
                del self._live[session]


def refeed(session: Session) -> Iterator[tuple[StreamId, int]]:
    """A session's streams, and from where on their frames are heard again."""
    for stream in session.streams:
        yield stream.stream, max(0, session.next_nrs.get(stream.stream, 0) - REFEED_FRAMES_MAX)
