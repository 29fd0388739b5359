"""Any sequence of commands, with loss, duplicates and reordering, keeps a user's promises."""

from __future__ import annotations

from collections import defaultdict

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain import user as rules
from domain.care_commands import GiveTip, RecordForm, SetProgramme
from domain.command_checks import check_command
from domain.commands import (
    COMMANDS,
    AcceptFrame,
    CloseSession,
    Command,
    ConfirmLabel,
    DeleteSession,
    FoundSet,
    InnerCommand,
    OpenSession,
    RecordSet,
    RefuseSuggestion,
    SetTraining,
    Stream,
    Suggest,
    SuggestHere,
    TimedCommand,
    WithdrawLabel,
    session_of,
)
from domain.errors import OutOfOrder, Rejected
from domain.events import Event, FrameReceived, LabelConfirmed, LabelWithdrawn, SessionOpened
from domain.form import SetForm, Tip
from domain.identifiers import DeviceId, SessionId, StreamId, UserId
from domain.programme import Prescription, Programme
from domain.progress import SETS_KEPT_MAX
from domain.sets import ASIDE_MAX, HISTORY_MAX
from domain.state import settled_ms
from domain.training import Training
from domain.user import DECLINED_MAX, SESSIONS_KEPT_MAX, User, decide, evolve, next_nr
from persistence.projections import project
from tests.domain.test_frames import FRAME

STREAMS = tuple(
    Stream(stream=StreamId(name), sensor=name[0], location="wrist")
    for name in ("a.left", "a.right", "g.left")
)
SESSIONS = st.sampled_from([SessionId(f"s{nr}") for nr in range(5)])
EXERCISES = st.sampled_from(["squat", "press", "curl"])
SHORT = st.integers(0, 6)
TIMES_MS = st.integers(0, 10_000)


class Devices(RuleBasedStateMachine):
    """`accepted` holds the numbers that led to events, per session and stream, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.user = User()
        self.events: list[Event] = []
        self.accepted: dict[tuple[SessionId, StreamId], list[int]] = defaultdict(list)
        self.sent: list[Command] = []
        self.told = 0
        self.kept_max = rules.SESSIONS_KEPT_MAX

    @initialize(few=st.booleans())
    def bound(self, few: bool) -> None:
        rules.SESSIONS_KEPT_MAX = 2 if few else SESSIONS_KEPT_MAX

    def teardown(self) -> None:
        rules.SESSIONS_KEPT_MAX = self.kept_max

    @rule(session=SESSIONS, at_ms=TIMES_MS)
    def open_session(self, session: SessionId, at_ms: int) -> None:
        device = DeviceId("watch")
        self.send(
            OpenSession(
                session=session,
                command_nr=0,
                at_ms=at_ms,
                device=device,
                recogniser="server",
                streams=STREAMS,
            )
        )

    @rule(session=SESSIONS, stream=st.sampled_from(STREAMS), offset=st.integers(-2, 2), count=SHORT)
    def frames(self, session: SessionId, stream: Stream, offset: int, count: int) -> None:
        """Frames around the expected number: some again, in order, or some lost before them."""
        first = max(0, next_nr(self.user, session, stream.stream) + offset)
        for number in range(first, first + count):
            fields = {"session": session, "stream": stream.stream, "sensor": stream.sensor}
            self.send(AcceptFrame(frame=msgspec.structs.replace(FRAME, **fields, sequence_nr=number)))

    @rule(session=SESSIONS, early=SHORT, exercise=EXERCISES, start_ms=TIMES_MS)
    def label(self, session: SessionId, early: int, exercise: str, start_ms: int) -> None:
        self.send(
            ConfirmLabel(
                session=session,
                command_nr=self.number(session, early),
                start_ms=start_ms,
                end_ms=start_ms + 1,
                exercise=exercise,
                repetitions=None,
                weight_kg=20.0,
            )
        )

    @rule(session=SESSIONS, early=SHORT, exercise=EXERCISES, start_ms=TIMES_MS)
    def record(self, session: SessionId, early: int, exercise: str, start_ms: int) -> None:
        self.send(
            RecordSet(
                session=session,
                command_nr=self.number(session, early),
                start_ms=start_ms,
                end_ms=start_ms + 1,
                exercise=exercise,
                confidence=1.0,
                repetitions=3,
                model_id="m",
            )
        )

    @rule(session=SESSIONS, early=SHORT, start_ms=TIMES_MS)
    def withdraw(self, session: SessionId, early: int, start_ms: int) -> None:
        number, end_ms = self.number(session, early), start_ms + 1
        self.send(
            WithdrawLabel(
                session=session, command_nr=number, start_ms=start_ms, end_ms=end_ms, said_ms=end_ms
            )
        )

    @rule(session=SESSIONS, early=SHORT, exercise=EXERCISES, at_ms=TIMES_MS)
    def suggest(self, session: SessionId, early: int, exercise: str, at_ms: int) -> None:
        self.send(
            SuggestHere(
                session=session,
                command_nr=self.number(session, early),
                at_ms=at_ms,
                exercise=exercise,
                weight_kg=20.0,
                repetitions=3,
                reason="",
                rest_s=None,
            )
        )

    @rule(session=SESSIONS, early=SHORT, exercise=EXERCISES, at_ms=TIMES_MS)
    def refuse(self, session: SessionId, early: int, exercise: str, at_ms: int) -> None:
        number = self.number(session, early)
        self.send(RefuseSuggestion(session=session, command_nr=number, at_ms=at_ms, exercise=exercise))

    @rule(session=SESSIONS, early=SHORT, at_ms=TIMES_MS)
    def wish(self, session: SessionId, early: int, at_ms: int) -> None:
        number, training = self.number(session, early), Training(at_ms=at_ms, goal="muscle")
        self.send(SetTraining(session=session, command_nr=number, training=training))

    @rule(session=SESSIONS, early=SHORT, exercise=EXERCISES, start_ms=TIMES_MS)
    def measure(self, session: SessionId, early: int, exercise: str, start_ms: int) -> None:
        form = SetForm(
            start_ms=start_ms,
            end_ms=start_ms + 1,
            exercise=exercise,
            repetitions=3,
            tempo_s=2.0,
            reach=1.0,
            within=2,
        )
        self.send(RecordForm(session=session, command_nr=self.number(session, early), form=form))

    @rule(exercise=EXERCISES, at_ms=TIMES_MS)
    def prescribe(self, exercise: str, at_ms: int) -> None:
        prescription = Prescription(exercise=exercise, set_count=3, repetitions=8, days_per_week=3)
        programme = Programme(at_ms=at_ms, prescriptions=(prescription,))
        self.send(SetProgramme(device=DeviceId("practice"), programme=programme))

    @rule(session=SESSIONS, at_ms=TIMES_MS)
    def close_session(self, session: SessionId, at_ms: int) -> None:
        self.send(CloseSession(session=session, command_nr=self.number(session, 0), at_ms=at_ms))

    @rule(session=SESSIONS, at_ms=TIMES_MS)
    def delete_session(self, session: SessionId, at_ms: int) -> None:
        known = {event.session: event.at_ms for event in self.events if isinstance(event, SessionOpened)}
        if session in known:
            self.send(
                DeleteSession(
                    session=session,
                    at_ms=at_ms,
                    opened_ms=known[session],
                    streams=tuple(each.stream for each in STREAMS),
                    settled_ms=settled_ms(self.user),
                )
            )

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        if self.sent:
            self.send(data.draw(st.sampled_from(self.sent)))

    @rule(session=SESSIONS, start_ms=TIMES_MS, exercise=EXERCISES)
    def found(self, session: SessionId, start_ms: int, exercise: str) -> None:
        self.take(
            FoundSet(
                session=session,
                start_ms=start_ms,
                end_ms=start_ms + 10,
                exercise=exercise,
                confidence=1.0,
                repetitions=3,
                model_id="m",
            )
        )
        self.take(
            Suggest(
                session=session, at_ms=start_ms, exercise=exercise, weight_kg=None, repetitions=3, reason=""
            )
        )
        tip = Tip(kind="stuck", exercise=exercise, text="Repetition 2 stood still for 1.0 s.", figure=1.0)
        self.take(GiveTip(session=session, at_ms=start_ms + 10, tip=tip))

    def number(self, session: SessionId, early: int) -> int:
        return max(1, next_nr(self.user, session, COMMANDS) + early - 2)

    def send(self, command: Command) -> None:
        """What a device sends is taken, was taken before, or is refused with what to do; no other error."""
        check_command(command)
        self.sent.append(command)
        if isinstance(command, TimedCommand):
            self.take(command)
            return
        session = session_of(command)
        stream, number = (
            (command.frame.stream, command.frame.sequence_nr)
            if isinstance(command, AcceptFrame)
            else (COMMANDS, command.command_nr)
        )
        expected = next_nr(self.user, session, stream)
        is_forgotten = session in self.user.forgotten
        try:
            taken = self.take(command)
        except OutOfOrder as error:
            self.told = error.expected_sequence_nr
            assert self.told == expected < number
        except Rejected:
            closed = session in self.user.sessions and self.user.sessions[session].closed
            assert closed or session not in self.user.sessions
        else:
            assert bool(taken) == (number == expected and not is_forgotten)
            if taken:
                self.accepted[session, stream].append(number)

    def take(self, command: Command | InnerCommand) -> tuple[Event, ...]:
        happened = decide(self.user, command)
        for event in happened:
            project(UserId("ada"), self.user, event)
            self.user = evolve(self.user, event)
        self.events += happened
        return happened

    @invariant()
    def every_number_was_taken_once_and_in_order(self) -> None:
        for numbers in self.accepted.values():
            assert numbers == list(range(len(numbers)))

    @invariant()
    def what_is_remembered_is_what_was_taken(self) -> None:
        for name, session in self.user.sessions.items():
            for stream, following in session.next_nrs.items():
                assert len(self.accepted[name, stream]) == following

    @invariant()
    def a_session_is_opened_once(self) -> None:
        names = [event.session for event in self.events if isinstance(event, SessionOpened)]
        assert len(set(names)) == len(names)

    @invariant()
    def bounds_hold(self) -> None:
        assert len(self.user.sessions) <= rules.SESSIONS_KEPT_MAX
        said = [
            event
            for event in self.events
            if isinstance(event, LabelConfirmed | LabelWithdrawn) and event.session not in self.user.deleted
        ]
        starts_ms = {event.start_ms for event in said}  # one set of each, as all are so short
        strongest = [max((e for e in said if e.start_ms == at), key=self.strength) for at in starts_ms]
        counting = [event for event in strongest if isinstance(event, LabelConfirmed)]
        assert len(self.user.history) == min(len(counting), HISTORY_MAX)
        assert len(self.user.aside) == min(len(said) - len(counting), ASIDE_MAX)
        assert len(self.user.declined) <= DECLINED_MAX
        assert len(self.user.care.progress.sets) <= SETS_KEPT_MAX

    def strength(self, event: LabelConfirmed | LabelWithdrawn) -> tuple[int, str, int]:
        """All are of one device."""
        return event.said_ms or event.end_ms, event.session, event.command_nr

    @invariant()
    def nothing_is_left_of_a_deleted_session(self) -> None:
        user, gone = self.user, set(self.user.deleted)
        left = [past.session for past in (*user.history, *user.aside, *user.care.progress.sets)]
        assert gone.isdisjoint({*left, *user.sessions, *user.forgotten, *user.given_up})

    @invariant()
    def the_state_is_the_fold_of_its_events(self) -> None:
        again = User()
        for event in self.events:
            again = evolve(again, event)
        assert again == self.user

    @invariant()
    def the_state_survives_its_codec(self) -> None:
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(self.user), type=User)
        assert again == self.user
        assert list(again.sessions) == list(self.user.sessions)

    @invariant()
    def frames_are_stored_once(self) -> None:
        frames = [event.frame for event in self.events if isinstance(event, FrameReceived)]
        assert len({(f.session, f.stream, f.sequence_nr) for f in frames}) == len(frames)


TestDevices = Devices.TestCase
TestDevices.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
