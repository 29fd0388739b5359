"""A user's live state and recognisers around the pure rules: commands in, effects out.

The Thespian actor around it is `session_actor`. Nothing here is durable until the shard host has written the
effects; if that fails the entity is thrown away and recovered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from actors.answers import live_reply, number_of, refusal, stream_of
from actors.effects import Classified, ClassifyRequest, Effects
from actors.recognition import Model, ModelShelf
from coach.suggestion import advise, next_exercises
from domain.commands import (
    AcceptFrame,
    CloseSession,
    Command,
    FoundSet,
    InnerCommand,
    OpenSession,
    Suggest,
    session_of,
)
from domain.errors import Rejected, StoredValueCorrupt
from domain.events import Event, FrameReceived, SetRecognised
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId, UserId
from domain.replies import (
    Acknowledged,
    ExerciseRecognised,
    Reply,
    RestBegan,
)
from domain.user import Session, User, decide, evolve, next_nr, positioned
from edge.recogniser import Exercising, Observation, Recogniser, Resting, SetEnded
from persistence.journal import Journal, Tail
from persistence.keys import Cipher, DataKeyStore
from persistence.ports import Mutation
from persistence.projections import project
from persistence.sensors import SensorStore
from persistence.snapshots import Snapshot, SnapshotStore
from persistence.tables import JournalRow

EVENTS_PER_SNAPSHOT = 200
FRAMES_PER_SNAPSHOT = 600  # bounds how many stored frames a recovery reads to find where a stream stands
REFEED_FRAMES_MAX = 120  # of an interrupted session, what its recogniser hears again per stream


@dataclass(frozen=True)
class UserStores:
    journal: Journal
    snapshots: SnapshotStore
    sensors: SensorStore
    keys: DataKeyStore


@dataclass(frozen=True)
class History:
    """What is stored of a user: the newest snapshot, and the events after it."""

    cipher: Cipher
    snapshot: Snapshot | None
    tail: Tail


@dataclass
class _Live:
    model: Model
    recogniser: Recogniser


class UserEntity:
    """One user. `writer_epoch` marks what this owner writes; times are ms since 1970.

    Made from `history`, whose broken rows raise StoredValueCorrupt; `resume` its open sessions next.
    """

    def __init__(
        self, user: UserId, history: History, stores: UserStores, shelf: ModelShelf, *, writer_epoch: int
    ) -> None:
        self.user = user
        self._stores = stores
        self._shelf = shelf
        self._writer_epoch = writer_epoch
        self._cipher = history.cipher
        self._state = User()
        self._sequence_nr = 0
        self._snapshot_nr = 0
        self._live: dict[SessionId, _Live] = {}
        self._requested: list[ClassifyRequest] = []
        self._closing: list[SessionId] = []
        self._unpositioned: set[SessionId] = set()  # closed sessions whose frames nobody asked for yet
        self._now_ms = 0
        self._frames_unsaved = 0
        self._last_row: JournalRow | None = None  # as found; None once a row of this writer's follows it
        self._last_epoch = 0
        self._replay(history)

    @property
    def state(self) -> User:
        return self._state

    def take(self, commands: Sequence[tuple[int, Command]], now_ms: int) -> Effects:
        """Decide and apply `commands` in order; acknowledgements are cumulative, one per stream."""
        self._now_ms = now_ms
        effects = Effects()
        touched: dict[tuple[int, SessionId, StreamId], int] = {}  # to the highest number taken
        for connection, command in commands:
            try:
                self._apply(command, effects)
            except Rejected as error:
                effects.replies.append((connection, refusal(command, error)))
            else:
                key = connection, session_of(command), stream_of(command)
                touched[key] = max(number_of(command), touched.get(key, 0))
        for (connection, session, stream), taken_nr in touched.items():
            expected = next_nr(self._state, session, stream, taken_nr)
            effects.replies.append(
                (connection, Acknowledged(session=session, stream=stream, next_nr=expected))
            )
        self._pin(effects)
        effects.requests = self._requested
        effects.more = bool(self._requested or self._closing)
        effects.snapshot_due = (
            self._sequence_nr - self._snapshot_nr >= EVENTS_PER_SNAPSHOT
            or self._frames_unsaved >= FRAMES_PER_SNAPSHOT
        )
        return effects

    def classified(self, answers: Classified) -> Effects:
        """Apply what the recognisers make of the classified windows."""
        effects = Effects()
        requests, self._requested = self._requested, []
        for request, probabilities in zip(requests, answers.probabilities, strict=True):
            live = self._live.get(request.session)
            if live is None:
                continue  # so many sessions were opened since that this one is remembered no more
            for observation in live.recogniser.classified(request.windows, probabilities):
                self._observe(request.session, observation, effects)
        closing, self._closing = self._closing, []
        for session in closing:
            if (live := self._live.get(session)) is not None:
                for observation in live.recogniser.finish():
                    self._observe(session, observation, effects)
                del self._live[session]
        return effects

    def snapshot(self) -> list[Mutation]:
        """What saves the state; nothing if the last snapshot holds it. All of its events must be durable."""
        is_saved = self._sequence_nr == self._snapshot_nr and not self._frames_unsaved
        if is_saved or self._last_row is not None:
            return []  # what was found but not pinned may yet turn out to be another's
        previous_nr, self._snapshot_nr, self._frames_unsaved = self._snapshot_nr, self._sequence_nr, 0
        return SnapshotStore.entries(
            self.user, self._cipher, self._sequence_nr, self._state, self._now_ms, previous_nr=previous_nr
        )

    def unresumed(self) -> list[tuple[SessionId, StreamId, int]]:
        """The streams of open sessions, each with the number of the first frame that `resume` wants."""
        return [
            (name, stream, first)
            for name, session in self._state.sessions.items()
            if not session.closed
            for stream, first in _refeed(session)
        ]

    def resume(self, stored: Mapping[tuple[SessionId, StreamId], Sequence[SensorFrame]]) -> None:
        """Go on with the open sessions, given the frames that `unresumed` asked for."""
        for name, session in self._state.sessions.items():
            if session.closed:
                self._unpositioned.add(name)
            else:
                self._resume(name, session, stored)

    def _replay(self, history: History) -> None:
        if history.snapshot is not None:
            self._sequence_nr, self._state = history.snapshot
            self._snapshot_nr = self._sequence_nr
        self._last_row = history.tail.anchor
        for row, event in history.tail.events:
            self._follows(row.sequence_nr)
            self._state = evolve(self._state, event)
            self._sequence_nr = row.sequence_nr
            self._last_row = row
        if self._last_row is not None:
            self._last_epoch = self._last_row.writer_epoch
            if self._last_epoch == self._writer_epoch:
                self._last_row = None

    def _follows(self, number: int) -> None:
        if number != self._sequence_nr + 1:
            raise StoredValueCorrupt(
                f"events {self._sequence_nr + 1} to {number - 1} of user {self.user!r} are missing",
                remedy="restore the journal from a backup",
            )

    def _resume(
        self,
        name: SessionId,
        session: Session,
        stored: Mapping[tuple[SessionId, StreamId], Sequence[SensorFrame]],
    ) -> None:
        """Find how far a session's frames are stored, and let its recogniser hear the last of them."""
        recent: list[SensorFrame] = []
        for stream, first in _refeed(session):
            # A crash may leave a later frame stored and an earlier one not: what follows a gap comes again.
            frames = stored[name, stream]
            whole = [frame for number, frame in enumerate(frames, first) if frame.sequence_nr == number]
            recent += whole[-REFEED_FRAMES_MAX:]
            self._state = positioned(self._state, name, stream, first + len(whole))
        self._listen(name, self._state.sessions[name])
        for frame in sorted(recent, key=lambda frame: frame.start_ms):
            if frame.start_ms >= session.last_set_end_ms:
                self._hear(frame)

    def _apply(self, command: Command | InnerCommand, effects: Effects) -> None:
        if isinstance(command, AcceptFrame) and command.frame.session in self._unpositioned:
            self._unpositioned.remove(command.frame.session)
            self._reposition(command.frame.session)
        for event in decide(self._state, command):
            self._happened(event, effects)
        if isinstance(command, OpenSession) and command.session not in self._live:
            self._live = {name: live for name, live in self._live.items() if name in self._state.sessions}
            self._listen(command.session, self._state.sessions[command.session])
        elif isinstance(command, CloseSession) and command.session in self._live:
            self._closing.append(command.session)

    def _reposition(self, name: SessionId) -> None:
        """Find how far a closed session's frames are stored, now that more of them come."""
        if (session := self._state.sessions.get(name)) is not None:
            wanted = [(self.user, name, stream, first) for stream, first in _refeed(session)]
            found = self._stores.sensors.frames_of(wanted)
            stored = {(name, stream): rows for (_, _, stream, _), rows in zip(wanted, found, strict=True)}
            self._resume(name, session, stored)

    def _happened(self, event: Event, effects: Effects) -> None:
        effects.writes += project(self.user, self._state, event)
        self._state = evolve(self._state, event)
        if isinstance(event, FrameReceived):
            self._frames_unsaved += 1
            self._hear(event.frame)
            return
        self._sequence_nr += 1
        effects.writes += Journal.entries(
            self.user,
            self._cipher,
            [event],
            first_nr=self._sequence_nr,
            writer_epoch=self._writer_epoch,
            previous_epoch=self._last_epoch,
            now_ms=self._now_ms,
        )
        self._last_epoch, self._last_row = self._writer_epoch, None
        if (reply := live_reply(event)) is not None:
            effects.replies.append((None, reply))
        if isinstance(event, SetRecognised):
            self._suggest(event, effects)

    def _pin(self, effects: Effects) -> None:
        """Before anything is acknowledged, what was found is made this writer's: see persistence/chain.py."""
        if self._last_row is not None and effects.replies:
            effects.writes.append(Journal.pin(self._last_row, self._writer_epoch))
            self._last_epoch, self._last_row = self._writer_epoch, None

    def _listen(self, name: SessionId, session: Session) -> None:
        """Give a session whose exercises the server names a recogniser, if a model fits its sensors."""
        if session.closed or session.recogniser != "server":
            return
        model = self._shelf.best_for({stream.sensor for stream in session.streams})
        if model is None:
            return
        live = _Live(model, Recogniser(model.sensor_set, model.classes))
        live.recogniser.expect(next_exercises(self._state.history, None))
        self._live[name] = live

    def _hear(self, frame: SensorFrame) -> None:
        live = self._live.get(frame.session)
        if live is None:
            return
        windows = live.recogniser.push(frame)
        if windows:
            self._requested.append(ClassifyRequest(frame.session, live.model, windows))

    def _observe(self, session: SessionId, observation: Observation, effects: Effects) -> None:
        match observation:
            case Exercising():
                reply: Reply = ExerciseRecognised(
                    session=session,
                    at_ms=observation.at_ms,
                    exercise=observation.exercise,
                    confidence=observation.confidence,
                    repetitions=observation.repetitions_so_far,
                )
                effects.replies.append((None, reply))
            case Resting():
                effects.replies.append((None, RestBegan(session=session, since_ms=observation.since_ms)))
            case SetEnded():
                found = FoundSet(
                    session=session,
                    start_ms=observation.start_ms,
                    end_ms=observation.end_ms,
                    exercise=observation.exercise,
                    confidence=observation.confidence,
                    repetitions=observation.repetitions,
                    model_id=self._live[session].model.model_id,
                )
                self._apply(found, effects)

    def _suggest(self, event: SetRecognised, effects: Effects) -> None:
        """Advise the next exercise, and let it advise the recogniser."""
        session = self._state.sessions[event.session]
        if session.closed:
            return
        if (live := self._live.get(event.session)) is not None:
            live.recogniser.expect(next_exercises(self._state.history, event.exercise))
        advice = advise(self._state.history, event.exercise)
        if advice is not None:
            suggest = Suggest(
                session=event.session,
                at_ms=event.end_ms,
                exercise=advice.exercise,
                weight_kg=advice.weight_kg,
                repetitions=advice.repetitions,
                reason=advice.reason,
            )
            self._apply(suggest, effects)


def _refeed(session: Session) -> Iterator[tuple[StreamId, int]]:
    """A session's streams, and from where on their frames are heard again."""
    for stream in session.streams:
        yield stream.stream, max(0, session.next_nrs.get(stream.stream, 0) - REFEED_FRAMES_MAX)
