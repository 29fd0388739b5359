"""A user's live state and recognisers around the pure rules: commands in, effects out.

The Thespian actor around it is `session_actor`. Nothing here is durable until the shard host has written the
effects; if that fails the entity is thrown away and recovered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors.answers import heard, live_reply, place_of, refusal
from actors.arriving import Arrivals
from actors.caring import answer, answer_to_api, heart_beats, observed, told
from actors.effects import Classified, Effects
from actors.histories import History, changes_of, replayed
from actors.listening import REFEED_FRAMES_MAX, Listening, refeed
from actors.messages import is_of_api
from actors.pace import Pace
from actors.recognition import Model, ModelShelf
from actors.user_stores import UserStores
from coach.coaching import Coaching
from domain.commands import (
    AcceptFrame,
    CloseSession,
    Command,
    FoundSet,
    InnerCommand,
    OpenSession,
    SetPlan,
    SetTraining,
    Suggest,
    TimedCommand,
)
from domain.errors import Rejected
from domain.events import ConsentGiven, Event, FrameReceived, JournalEvent, SessionDeleted, SetRecognised
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId, UserId
from domain.replies import Acknowledged
from domain.user import Session, User, decide, evolve, next_nr, positioned
from edge.recogniser import Observation
from persistence.journal import Journal
from persistence.ports import Mutation, Then
from persistence.projections import project
from persistence.snapshots import SnapshotStore

EVENTS_PER_SNAPSHOT = 200
FRAMES_PER_SNAPSHOT = 600  # bounds how many stored frames a recovery reads to find where a stream stands


class UserEntity:
    """One user. `writer_epoch` marks what this owner writes; times are ms since 1970.

    Made from `history`, whose broken rows raise StoredValueCorrupt, a later writer's NotOwner; `resume` its
    open sessions next. There are as many as there are live users, so what most do not need comes late.
    """

    __slots__ = (
        "_arrivals",
        "_cipher",
        "_coaching",
        "_frames_unsaved",
        "_is_snapshot_due",
        "_last_epoch",
        "_last_row",
        "_listening",
        "_now_ms",
        "_owed",
        "_pace",
        "_sequence_nr",
        "_shelf",
        "_snapshot_nr",
        "_state",
        "_stores",
        "_unpositioned",
        "_writer_epoch",
        "user",
    )

    def __init__(
        self, user: UserId, history: History, stores: UserStores, shelf: ModelShelf, *, writer_epoch: int
    ) -> None:
        self.user = user
        self._stores = stores
        self._shelf = shelf
        self._writer_epoch = writer_epoch
        self._cipher = history.cipher
        found = replayed(user, history, writer_epoch)
        self._state = found.state
        self._sequence_nr = found.sequence_nr
        self._snapshot_nr = 0 if history.snapshot is None else history.snapshot[0]
        self._listening: Listening | None = None
        self._coaching = Coaching(groups=stores.groups)
        self._unpositioned: tuple[SessionId, ...] = ()  # closed sessions whose frames nobody asked for yet
        self._now_ms = 0
        self._pace: Pace | None = None  # of plans, which take long; few users ask for one
        self._arrivals = Arrivals()
        self._frames_unsaved = 0
        self._is_snapshot_due = False  # what a deletion took away is not to be kept, or made up for, for long
        self._owed = found.owed
        self._last_row = found.last_row  # None once a row of this writer's follows it
        self._last_epoch = found.last_epoch

    @property
    def state(self) -> User:
        return self._state

    def take(self, commands: Sequence[tuple[int, Command]], now_ms: int) -> Effects:
        """Decide and apply `commands` in order; acknowledgements are cumulative, one per stream."""
        self._now_ms = now_ms
        effects = Effects()
        touched: dict[tuple[int, SessionId, StreamId], int] = {}  # to the highest number taken
        for connection, command in commands:
            before = self._state
            try:
                self._apply(command, effects)
            except Rejected as error:
                effects.replies.append((connection, refusal(command, error)))
                continue
            if is_of_api(connection):
                effects.replies.append((connection, answer_to_api(self._state, command)))
                continue
            if not isinstance(command, AcceptFrame) and isinstance(command, TimedCommand):
                if self._state is before:  # else all of the user's connections are told
                    effects.replies.append((connection, answer(self._state, command)))
                continue
            effects.writes += self._arrivals.note(self.user, command, self._state.sessions, now_ms)
            session, stream, number = place_of(command)
            key = connection, session, stream
            if touched.setdefault(key, number) < number:
                touched[key] = number
        for (connection, session, stream), taken_nr in touched.items():
            expected = next_nr(self._state, session, stream, taken_nr)
            effects.replies.append(
                (connection, Acknowledged(session=session, stream=stream, next_nr=expected))
            )
        self._pin(effects)
        if self._listening is not None:
            effects.requests = self._listening.requests
            effects.more = self._listening.wants_answers
        effects.snapshot_due = (
            self._sequence_nr - self._snapshot_nr >= EVENTS_PER_SNAPSHOT
            or self._frames_unsaved >= FRAMES_PER_SNAPSHOT
            or self._is_snapshot_due
        )
        return effects

    def classified(self, answers: Classified) -> Effects:
        """Apply what the recognisers make of the classified windows."""
        effects = Effects()
        listening = self._listening
        assert listening is not None, "it wanted answers"
        for session, model, observation in listening.classified(answers):
            self._observe(session, model, observation, effects)
        if listening.is_over:
            self._listening = None
        return effects

    def snapshot(self) -> list[Mutation]:
        """What saves the state; nothing if the last snapshot holds it. All of its events must be durable."""
        is_saved = self._sequence_nr == self._snapshot_nr and not self._frames_unsaved
        if is_saved or self._last_row is not None:
            return []  # what was found but not pinned may yet turn out to be another's
        previous_nr, self._snapshot_nr, self._frames_unsaved = self._snapshot_nr, self._sequence_nr, 0
        self._is_snapshot_due = False
        return SnapshotStore.entries(
            self.user, self._cipher, self._sequence_nr, self._state, self._now_ms, previous_nr=previous_nr
        )

    def unresumed(self) -> list[tuple[SessionId, StreamId, int]]:
        """The streams of open sessions, each with the number of the first frame that `resume` wants."""
        return [
            (name, stream, first)
            for name, session in self._state.sessions.items()
            if not session.closed
            for stream, first in refeed(session)
        ]

    def resume(self, stored: Mapping[tuple[SessionId, StreamId], Sequence[SensorFrame]]) -> None:
        """Go on with the open sessions, given the frames that `unresumed` asked for."""
        for name, session in self._state.sessions.items():
            if session.closed:
                self._unpositioned = (*self._unpositioned, name)
            else:
                self._resume(name, session, stored)

    def _resume(
        self,
        name: SessionId,
        session: Session,
        stored: Mapping[tuple[SessionId, StreamId], Sequence[SensorFrame]],
    ) -> None:
        """Find how far a session's frames are stored, and let its recogniser hear the last of them."""
        recent: list[SensorFrame] = []
        for stream, first in refeed(session):
            # A crash may leave a later frame stored and an earlier one not: what follows a gap comes again.
            frames = stored[name, stream]
            whole = [frame for number, frame in enumerate(frames, first) if frame.sequence_nr == number]
            recent += whole[-REFEED_FRAMES_MAX:]
            self._state = positioned(self._state, name, stream, first + len(whole))
        self._listen(name, self._state.sessions[name])
        for frame in sorted(recent, key=lambda frame: frame.start_ms):
            if self._listening is not None and frame.start_ms >= session.last_set_end_ms:
                self._listening.hear(frame)

    def _apply(self, command: Command | InnerCommand, effects: Effects) -> None:
        if isinstance(command, AcceptFrame):
            if self._unpositioned:
                self._reposition(command.frame.session)
            for event in decide(self._state, command):
                self._happened(event, effects)
            return
        events = decide(self._state, command)
        if events and isinstance(command, SetTraining | SetPlan):
            self._take_turn(command)
        for event in events:
            self._happened(event, effects)
        if isinstance(command, OpenSession):
            self._begin(command.session)
        elif self._listening is not None and isinstance(command, CloseSession):
            self._listening.close(command.session)

    def _take_turn(self, command: SetTraining | SetPlan) -> None:
        """What the server is to plan may not come too often; raises TooOften."""
        session = self._state.sessions.get(command.session)
        if session is not None and session.coach == "server":
            self._pace = self._pace or Pace()
            self._pace.take(self._now_ms)

    def _begin(self, name: SessionId) -> None:
        """Listen to a session that was opened, if it is not forgotten."""
        if self._listening is not None:
            if name in self._listening:
                return
            self._listening.keep(self._state.sessions)
        if (session := self._state.sessions.get(name)) is not None:
            self._listen(name, session)

    def _reposition(self, name: SessionId) -> None:
        """Find how far a closed session's frames are stored, if more of them come for the first time."""
        if name not in self._unpositioned:
            return
        self._unpositioned = tuple(each for each in self._unpositioned if each != name)
        if (session := self._state.sessions.get(name)) is not None:
            wanted = [(self.user, name, stream, first) for stream, first in refeed(session)]
            found = self._stores.sensors.frames_of(wanted)
            stored = {(name, stream): rows for (_, _, stream, _), rows in zip(wanted, found, strict=True)}
            self._resume(name, session, stored)

    def _happened(self, event: Event, effects: Effects) -> None:
        before, self._state = self._state, evolve(self._state, event)
        if isinstance(event, SessionDeleted):
            self._forget(before, event, effects)
            return
        effects.writes += project(self.user, before, event)
        if isinstance(event, FrameReceived):
            self._frames_unsaved += 1
            if self._listening is not None:
                self._listening.hear(event.frame)
            for stop in heart_beats(self._state, event.frame):
                self._apply(stop, effects)
            return
        self._journal(event, effects)
        if (reply := live_reply(event)) is not None:
            effects.replies.append((None, reply))
        effects.replies += [(None, held) for held in told(self._state, event)]
        if isinstance(event, ConsentGiven) and event.recognition != before.consent.recognition:
            self._listen_anew()
        if isinstance(event, SetRecognised):
            self._expect(event.session, event.end_ms, event)
        for said in self._coaching.happened(before, self._state, event):
            if isinstance(said, Suggest):
                self._apply(said, effects)
            else:
                effects.replies.append((None, said))

    def _journal(self, event: JournalEvent, effects: Effects) -> None:
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

    def _forget(self, before: User, event: SessionDeleted, effects: Effects) -> None:
        """Rows go only once it is durable that they shall: whoever recovers the user makes up for them."""
        self._journal(event, effects)
        effects.writes += [Then(), *changes_of(self.user, before, event, self._now_ms)]
        self._unpositioned = tuple(each for each in self._unpositioned if each != event.session)
        self._is_snapshot_due = True
        if self._listening is not None:
            self._listening.keep(self._state.sessions)

    def _listen_anew(self) -> None:
        """To all open sessions, or none, as the user agreed; what was heard is forgotten."""
        self._listening = None
        for name, session in self._state.sessions.items():
            self._listen(name, session)

    def _pin(self, effects: Effects) -> None:
        """Before anything is acknowledged, what was found is made this writer's: see persistence/chain.py."""
        if self._owed and effects.replies:
            effects.writes[:0] = [
                change for owed in self._owed for change in changes_of(self.user, *owed, self._now_ms)
            ]
            self._owed, self._is_snapshot_due = (), True
        if self._last_row is not None and effects.replies:
            effects.writes.append(Journal.pin(self._last_row, self._writer_epoch))
            self._last_epoch, self._last_row = self._writer_epoch, None

    def _listen(self, name: SessionId, session: Session) -> None:
        """Give a session whose exercises the server names a recogniser, if a model fits its sensors."""
        if session.closed or session.recogniser != "server" or not self._state.consent.recognition:
            return
        model = self._shelf.best_for(self.user, {stream.sensor for stream in session.streams})
        if model is None:
            return
        if self._listening is None:
            self._listening = Listening()
        self._listening.begin(name, model, session.streams)
        self._expect(name, session.opened_ms, None)

    def _observe(self, session: SessionId, model: Model, observation: Observation, effects: Effects) -> None:
        said, before = heard(session, model.model_id, observation), self._state
        if isinstance(said, FoundSet):
            self._apply(said, effects)
            if self._state is before:
                return  # it was found before a recovery
        else:
            effects.replies.append((None, said))
        assert self._listening is not None, "it observed"
        for each in observed(self._state, session, model, observation, self._listening):
            self._apply(each, effects)

    def _expect(self, name: SessionId, at_ms: int, last: SetRecognised | None) -> None:
        """Let what the user usually does next advise the session's recogniser."""
        if self._listening is not None and name in self._listening:
            self._listening.expect(name, self._coaching.expected(self._state, name, at_ms, last))
