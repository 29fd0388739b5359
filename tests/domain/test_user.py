"""A user's rules: what is taken once, what is refused, and what never fails. The properties over any sequence
of commands are in `test_user_machine`.
"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands import (
    COMMANDS,
    AcceptFrame,
    CloseSession,
    Command,
    ConfirmLabel,
    FoundSet,
    InnerCommand,
    OpenSession,
    RefuseSuggestion,
    SetTraining,
    Suggest,
)
from domain.errors import OutOfOrder, Rejected
from domain.events import (
    Answer,
    Event,
    ExerciseSuggested,
    FrameReceived,
    LabelConfirmed,
    SessionClosed,
    SetRecognised,
    SuggestionAnswered,
    TrainingSet,
)
from domain.identifiers import SessionId, StreamId, UserId
from domain.sets import HISTORY_MAX
from domain.training import Place, Training
from domain.user import (
    DECLINED_MAX,
    FORGOTTEN_MAX,
    SESSIONS_KEPT_MAX,
    Declined,
    User,
    decide,
    evolve,
    next_nr,
    positioned,
    shared,
)
from persistence.projections import project
from tests.domain.strategies import deletions, events, profile_events
from tests.domain.test_commands import CLOSE, FRAMED, LABEL, OPEN, RECORD, SESSION
from tests.domain.test_frames import FRAME

FOUND = FoundSet(
    session=SESSION,
    start_ms=1000,
    end_ms=9000,
    exercise="squat",
    confidence=0.9,
    repetitions=8,
    model_id="m",
)
SUGGEST = Suggest(session=SESSION, at_ms=500, exercise="squat", weight_kg=None, repetitions=8, reason="habit")


def after(*commands: Command | InnerCommand, user: User | None = None) -> User:
    """The state after `commands`, from an empty user."""
    user = user or User()
    for command in commands:
        for event in decide(user, command):
            user = evolve(user, event)
    return user


def labelled(start_ms: int, weight_kg: float | None, *, command_nr: int) -> ConfirmLabel:
    """A set of its own."""
    return msgspec.structs.replace(
        LABEL, command_nr=command_nr, start_ms=start_ms, end_ms=start_ms + 1, weight_kg=weight_kg
    )


def opened(name: str, at_ms: int = 1) -> OpenSession:
    return msgspec.structs.replace(OPEN, session=SessionId(name), at_ms=at_ms)


def many_sessions(user: User | None = None) -> User:
    return after(*(opened(f"later{nr}", nr + 2) for nr in range(SESSIONS_KEPT_MAX)), user=user)


@pytest.mark.parametrize("command", [OPEN, FRAMED, LABEL, RECORD])
def test_a_command_taken_before_leads_to_nothing(command: Command) -> None:
    user = after(OPEN, command)
    assert decide(user, command) == ()


@pytest.mark.parametrize("command", [FRAMED, LABEL, RECORD, CLOSE])
def test_nothing_is_taken_before_the_session_is_open(command: Command) -> None:
    with pytest.raises(Rejected, match="not known"):
        decide(User(), command)


def test_a_frame_too_early_is_told_what_is_expected() -> None:
    early = AcceptFrame(frame=msgspec.structs.replace(FRAME, sequence_nr=3))
    with pytest.raises(OutOfOrder) as caught:
        decide(after(OPEN, FRAMED), early)
    assert caught.value.expected_sequence_nr == 1


@pytest.mark.parametrize("fields", [{"stream": "a.other"}, {"sensor": "g"}])
def test_a_frame_of_an_undeclared_stream_is_rejected(fields: dict[str, str]) -> None:
    with pytest.raises(Rejected, match="no stream"):
        decide(after(OPEN), AcceptFrame(frame=msgspec.structs.replace(FRAME, **fields)))


def test_a_closed_session_takes_late_frames_and_sets_but_no_labels() -> None:
    user = after(OPEN, msgspec.structs.replace(CLOSE, command_nr=1))
    assert decide(user, FRAMED) == (FrameReceived(frame=FRAME),)
    assert len(decide(user, FOUND)) == 1
    with pytest.raises(Rejected, match="closed"):
        decide(user, msgspec.structs.replace(LABEL, command_nr=2))


def test_a_set_found_again_after_a_recovery_is_not_stored_again() -> None:
    assert decide(after(OPEN, FOUND), FOUND) == ()


@pytest.mark.parametrize(
    ("exercise", "suggested_kg", "answer"),
    [
        ("squat", None, "taken"),
        ("squat", 20.05, "taken"),
        ("squat", 22.5, "changed"),
        ("press", 20.0, "refused"),
    ],
)
def test_a_label_after_a_suggestion_answers_it_once(
    exercise: str, suggested_kg: float | None, answer: Answer
) -> None:
    label = msgspec.structs.replace(LABEL, exercise=exercise)
    user = after(OPEN, msgspec.structs.replace(SUGGEST, weight_kg=suggested_kg))
    confirmed, answered = decide(user, label)
    assert isinstance(confirmed, LabelConfirmed)
    assert answered == SuggestionAnswered(
        session=SESSION, suggested_ms=500, answer=answer, exercise="squat", at_ms=1000
    )
    again = msgspec.structs.replace(label, command_nr=2)
    assert len(decide(after(label, user=user), again)) == 1


def test_a_refused_exercise_is_remembered_for_the_session_and_for_the_coach() -> None:
    refuse = RefuseSuggestion(session=SESSION, command_nr=1, at_ms=600, exercise="squat")
    (refused,) = decide(after(OPEN, SUGGEST), refuse)
    assert isinstance(refused, SuggestionAnswered)
    assert (refused.suggested_ms, refused.answer) == (500, "refused")
    user = after(OPEN, SUGGEST, refuse)
    assert user.sessions[SESSION].suggestion is None
    assert user.sessions[SESSION].refused == ("squat",)
    assert user.declined == (Declined(exercise="squat", at_ms=600, answer="refused"),)
    assert next_nr(user, SESSION, COMMANDS) == 2
    assert len(decide(user, msgspec.structs.replace(LABEL, command_nr=2))) == 1, "there is none to answer"


def test_refusing_what_was_not_suggested_leaves_the_suggestion_open() -> None:
    refuse = RefuseSuggestion(session=SESSION, command_nr=1, at_ms=600, exercise="press")
    user = after(OPEN, SUGGEST, refuse, msgspec.structs.replace(refuse, command_nr=2))
    assert user.sessions[SESSION].suggestion is not None
    assert user.sessions[SESSION].refused == ("press",)
    assert len(user.declined) == 2


def test_a_changed_load_is_remembered_for_the_coach_and_another_exercise_is_not() -> None:
    suggest = msgspec.structs.replace(SUGGEST, weight_kg=30.0)
    user = after(OPEN, suggest, LABEL)
    assert user.declined == (Declined(exercise="squat", at_ms=1000, answer="changed"),)
    assert after(OPEN, suggest, msgspec.structs.replace(LABEL, exercise="press")).declined == ()


def test_what_is_remembered_of_refusals_is_bounded() -> None:
    user = after(OPEN)
    for number in range(1, 2 * DECLINED_MAX):
        user = after(
            RefuseSuggestion(session=SESSION, command_nr=number, at_ms=number, exercise=f"e{number}"),
            user=user,
        )
    assert len(user.declined) == DECLINED_MAX
    assert len(user.sessions[SESSION].refused) <= DECLINED_MAX


def test_the_latest_wishes_hold_whatever_order_they_came_in() -> None:
    late = SetTraining(session=SESSION, command_nr=1, training=Training(at_ms=9, goal="muscle"))
    early = SetTraining(session=SESSION, command_nr=2, training=Training(at_ms=8, goal="strength"))
    user = after(OPEN, late, early)
    assert user.training.goal == "muscle"
    assert next_nr(user, SESSION, COMMANDS) == 3
    place = Training(at_ms=10, place=Place(name="home"))
    user = after(msgspec.structs.replace(early, command_nr=3, training=place), user=user)
    user = after(msgspec.structs.replace(LABEL, command_nr=4), user=user)
    assert user.history[-1].place == "home"


def test_a_label_of_what_was_done_before_the_suggestion_does_not_answer_it() -> None:
    user = after(OPEN, msgspec.structs.replace(SUGGEST, at_ms=1001))
    assert len(decide(user, LABEL)) == 1


def test_what_comes_for_a_closed_session_that_is_forgotten_was_taken_before() -> None:
    user = many_sessions(after(OPEN, FRAMED, LABEL, CLOSE))
    assert len(user.sessions) == SESSIONS_KEPT_MAX
    assert SESSION not in user.sessions
    assert [decide(user, command) for command in (OPEN, FRAMED, LABEL, CLOSE)] == [()] * 4
    assert next_nr(user, SESSION, FRAME.stream, taken_nr=7) == 8


def test_a_session_left_open_is_given_up_politely_when_too_many_follow() -> None:
    """Else a device that sends everything again would have its labels counted twice."""
    user = many_sessions(after(OPEN, FRAMED))
    assert (user.given_up, user.forgotten) == ((SESSION,), ())
    for command in (FRAMED, LABEL, CLOSE):
        with pytest.raises(Rejected, match="is not known"):
            decide(user, command)
    with pytest.raises(Rejected, match="was left open"):
        decide(user, OPEN)
    assert next_nr(user, SESSION, FRAME.stream, taken_nr=7) == 0


def test_an_open_session_outlasts_closed_ones_of_other_devices() -> None:
    user = after(opened("offline", 1))
    for nr in range(2 * SESSIONS_KEPT_MAX):
        name = SessionId(f"later{nr}")
        user = after(opened(name, nr + 2), CloseSession(session=name, command_nr=1, at_ms=nr + 3), user=user)
    assert SessionId("offline") in user.sessions
    assert len(user.sessions) == SESSIONS_KEPT_MAX


@pytest.mark.parametrize("closing", [True, False])
def test_names_of_forgotten_sessions_are_bounded(closing: bool) -> None:
    user = User()
    for nr in range(SESSIONS_KEPT_MAX + FORGOTTEN_MAX + 2):
        name = SessionId(f"s{nr}")
        close = CloseSession(session=name, command_nr=1, at_ms=nr)
        user = after(opened(name, nr), *([close] if closing else []), user=user)
    names = user.forgotten if closing else user.given_up
    assert len(names) == FORGOTTEN_MAX
    assert (names[0], next(iter(user.sessions))) == ("s2", f"s{FORGOTTEN_MAX + 2}")


def test_an_older_session_that_was_recorded_offline_is_taken() -> None:
    assert len(decide(many_sessions(), opened("holiday", at_ms=0))) == 1


@pytest.mark.parametrize("command", [FOUND, SUGGEST])
def test_what_is_found_in_a_forgotten_session_is_dropped(command: InnerCommand) -> None:
    """No device asked: a refusal would have nobody to go to, and would stop the user's actor."""
    assert decide(many_sessions(after(OPEN)), command) == ()


def test_history_is_bounded() -> None:
    user = after(OPEN)
    for number in range(HISTORY_MAX + 3):
        user = after(labelled(number, 20.0, command_nr=number + 1), user=user)
    assert len(user.history) == HISTORY_MAX
    assert user.history[0].start_ms == 3


def test_a_position_of_a_forgotten_session_changes_nothing() -> None:
    assert positioned(User(), SESSION, StreamId("a.wrist"), 7) == User()


events_of_few = (
    profile_events()
    | st.builds(
        lambda event, name: msgspec.structs.replace(event, session=SessionId(name)),
        events() | deletions(),
        st.sampled_from("abc"),
    )
    | st.builds(
        lambda name, nr: FrameReceived(
            frame=msgspec.structs.replace(FRAME, session=SessionId(name), sequence_nr=nr)
        ),
        st.sampled_from("abc"),
        st.integers(0, 9),
    )
)


@given(st.lists(events_of_few, max_size=30))
def test_no_sequence_of_events_fails(happened: list[Event]) -> None:
    user = User()
    for event in happened:
        project(UserId("ada"), user, event)
        user = evolve(user, event)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(user), type=User) == user


@pytest.mark.parametrize(
    "event",
    [
        LabelConfirmed(
            session=SESSION,
            command_nr=1,
            start_ms=0,
            end_ms=1,
            exercise="squat",
            repetitions=None,
            weight_kg=None,
        ),
        SetRecognised(
            session=SESSION,
            command_nr=None,
            start_ms=0,
            end_ms=1,
            exercise="squat",
            confidence=1.0,
            repetitions=1,
            model_id="m",
        ),
        ExerciseSuggested(
            session=SESSION, at_ms=1, exercise="squat", weight_kg=None, repetitions=1, reason="habit"
        ),
        SuggestionAnswered(session=SESSION, suggested_ms=1, answer="taken"),
        TrainingSet(session=SESSION, command_nr=1, training=Training(goal="muscle")),
        SessionClosed(session=SESSION, command_nr=1, at_ms=1),
        FrameReceived(frame=FRAME),
    ],
)
def test_events_of_a_forgotten_session_change_nothing_and_project(event: Event) -> None:
    user = many_sessions(after(OPEN, LABEL))
    project(UserId("ada"), user, event)
    assert evolve(user, event) == user


def test_a_decoded_state_is_shared_without_a_change() -> None:
    user = after(OPEN, LABEL, labelled(90_000, None, command_nr=LABEL.command_nr + 1))
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(user), type=User)
    once, again = shared(decoded), shared(user)
    assert once == again == decoded == user
    assert once.sessions[SESSION].streams is again.sessions[SESSION].streams
    first, second = once.history
    assert first.session is second.session
    assert first.exercise is second.exercise
