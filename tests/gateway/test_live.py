from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import UserId
from domain.recording import REST
from domain.replies import LiveReply, LiveUpdate
from gateway.api import live as module
from gateway.api.live import IDLE_MS_MAX, LiveChanges, LiveView, TooManyReaders
from gateway.api.live_state import CLOCK_SKEW_MS_MAX, LiveUser
from tests.gateway.api_example import advised, ended, found, live, recognised, rest, setting_up, tipped

NOW_MS = 1_790_000_000_000


class Clock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms


def view_of(*replies: LiveReply, user: str = "alice") -> LiveView:
    view = LiveView(now_ms=Clock())
    view.apply([live(user, reply) for reply in replies])
    return view


def only(view: LiveView) -> LiveUser:
    (user,) = view.snapshot().users
    return user


def test_an_exercise_a_set_and_a_rest_follow_one_another() -> None:
    view = view_of(recognised("s", NOW_MS - 30_000, "squat", 3))
    view.apply([live("alice", recognised("s", NOW_MS - 5_000, "squat", 9))])
    now = only(view)
    assert (now.state, now.exercise, now.repetitions) == ("exercising", "squat", 9)
    assert now.state_since_ms == NOW_MS - 30_000  # the same exercise goes on

    view.apply([live("alice", found("s", NOW_MS - 4_000, "squat", 10)), live("alice", advised("s", NOW_MS))])
    now = only(view)
    assert (now.state, now.exercise, now.state_since_ms) == ("resting", None, NOW_MS - 4_000)
    assert [(each.exercise, each.repetitions) for each in now.sets] == [("squat", 10)]
    assert now.suggestion is not None
    assert now.suggestion.weight_kg == 12.5

    view.apply([live("alice", ended("s", NOW_MS))])
    assert (only(view).state, only(view).suggestion) == ("ended", None)


def test_a_tip_stands_until_the_next_set_begins() -> None:
    view = view_of(recognised("s", NOW_MS - 30_000, "squat", 3), tipped("s", NOW_MS - 9_000, stop=True))
    assert only(view).state == "exercising"
    now = only(view).tip
    assert now is not None
    assert (now.text, now.stop) == ("Stop here: 13 repetitions, and 12 are your limit.", True)
    view.apply([live("alice", recognised("s", NOW_MS - 8_000, "squat", 14))])
    assert only(view).tip is not None, "the set goes on"
    view.apply([live("alice", found("s", NOW_MS - 4_000, "squat", 14)), live("alice", tipped("s", NOW_MS))])
    later = only(view).tip
    assert later is not None
    assert not later.stop
    view.apply([live("alice", recognised("s", NOW_MS + 9_000, "squat", 1))])
    assert only(view).tip is None


def test_between_a_rest_and_a_set_somebody_sets_up() -> None:
    view = view_of(rest("s", NOW_MS - 9_000))
    view.apply([live("alice", setting_up("s", NOW_MS - 2_000))])
    now = only(view)
    assert (now.state, now.exercise, now.state_since_ms) == ("setting_up", None, NOW_MS - 2_000)
    view.apply([live("alice", recognised("s", NOW_MS, "squat", 3))])
    assert only(view).state == "exercising"


def test_the_recogniser_naming_rest_is_a_rest() -> None:
    assert (
        only(view_of(recognised("s", NOW_MS, "squat", 3), recognised("s", NOW_MS, REST, 0))).state
        == "resting"
    )


def test_a_set_told_late_does_not_interrupt_the_next_exercise() -> None:
    now = only(view_of(recognised("s", NOW_MS, "push_up", 2), found("s", NOW_MS - 9_000, "squat", 10)))
    assert (now.state, now.exercise, now.set_count) == ("exercising", "push_up", 1)


def test_a_set_told_twice_counts_once() -> None:
    now = only(view_of(found("s", NOW_MS, "squat", 10), found("s", NOW_MS, "squat", 10)))
    assert (len(now.sets), now.set_count) == (1, 1)


def test_a_set_answers_only_the_suggestions_before_it() -> None:
    assert only(view_of(advised("s", NOW_MS - 1), found("s", NOW_MS, "squat", 1))).suggestion is None
    assert only(view_of(advised("s", NOW_MS + 1), found("s", NOW_MS, "squat", 1))).suggestion is not None


@pytest.mark.parametrize("off_ms", [-CLOCK_SKEW_MS_MAX - 1, 1, 86_400_000])
def test_a_wrong_clock_is_replaced_by_the_time_of_arrival(off_ms: int) -> None:
    assert only(view_of(rest("s", NOW_MS + off_ms))).state_since_ms == NOW_MS


def test_a_new_session_replaces_the_old_one_whose_late_end_is_ignored() -> None:
    view = view_of(found("old", NOW_MS, "squat", 10), recognised("new", NOW_MS, "squat", 1))
    view.apply([live("alice", ended("old", NOW_MS))])
    assert (only(view).session, only(view).state, only(view).sets) == ("new", "exercising", ())


def test_who_is_silent_is_no_longer_shown_and_readers_hear_of_it() -> None:
    clock = Clock()
    view = LiveView(now_ms=clock)
    view.apply([live("alice", rest("s", NOW_MS))])
    reader = view.subscribe(lambda: None)
    assert reader.take() is not None
    clock.ms += IDLE_MS_MAX + 1
    changes = reader.take()
    assert changes is not None
    assert (changes.users, changes.removed, changes.complete) == ((), ("alice",), False)
    assert reader.take() is None


def test_a_reader_sees_only_the_user_it_asked_for() -> None:
    view = view_of(rest("s", NOW_MS))
    reader = view.subscribe(lambda: None, UserId("bob"))
    first = reader.take()
    assert first is not None
    assert first.users == ()
    view.apply([live("alice", rest("s", NOW_MS))])
    assert reader.take() is None
    view.apply([live("bob", rest("s", NOW_MS))])
    second = reader.take()
    assert second is not None
    assert [user.user for user in second.users] == ["bob"]


def test_readers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SUBSCRIBERS_MAX", 2)
    view = LiveView()
    kept = [view.subscribe(lambda: None) for _ in range(2)]
    with pytest.raises(TooManyReaders):
        view.subscribe(lambda: None)
    kept[0].close()
    view.subscribe(lambda: None)


def test_closing_wakes_every_reader() -> None:
    view, woken = LiveView(), threading.Event()
    reader = view.subscribe(woken.set)
    view.close()
    assert woken.is_set()
    assert reader.ended


def _reply(session: str, kind: int, at_ms: int) -> LiveReply:
    replies = (
        recognised(session, at_ms, "squat", at_ms % 20),
        found(session, at_ms, "squat", 10),
        rest(session, at_ms),
        advised(session, at_ms),
        tipped(session, at_ms),
        ended(session, at_ms),
    )
    return replies[kind]


UPDATES = st.builds(
    lambda user, session, kind, at_ms: live(f"u{user}", _reply(f"s{session}", kind, at_ms)),
    st.integers(0, 7),
    st.integers(0, 1),
    st.integers(0, 4),
    st.integers(50_000, 10**13),
)


@given(
    batches=st.lists(st.lists(UPDATES, max_size=12), max_size=12),
    taken=st.sets(st.integers(0, 11)),
    users_max=st.integers(1, 5),
    sets_max=st.integers(1, 3),
)
def test_the_view_is_bounded_and_any_reader_ends_with_the_latest_state(
    batches: list[list[LiveUpdate]], taken: set[int], users_max: int, sets_max: int
) -> None:
    clock = Clock()
    view = LiveView(users_max, sets_max, clock)
    reader = view.subscribe(lambda: None)
    seen: dict[UserId, LiveUser] = {}
    for nr, batch in enumerate(batches):
        clock.ms += 1_000 * nr
        view.apply(batch)
        if nr in taken:
            _merge(seen, reader.take())
    _merge(seen, reader.take())
    shown = view.snapshot().users
    assert len(shown) <= users_max
    assert all(len(user.sets) <= min(sets_max, user.set_count) for user in shown)
    assert seen == {user.user: user for user in shown}


def _merge(seen: dict[UserId, LiveUser], changes: LiveChanges | None) -> None:
    """What a reader does with changes."""
    if changes is None:
        return
    if changes.complete:
        seen.clear()
    for name in changes.removed:
        seen.pop(name, None)
    seen.update({user.user: user for user in changes.users})


def test_threads_may_feed_and_read_at_once() -> None:
    view, count, turns = LiveView(), 4, 300
    reader = view.subscribe(lambda: None)
    seen: dict[UserId, LiveUser] = {}

    def feed(name: str) -> None:
        for turn in range(turns):
            view.apply([live(name, recognised("s", NOW_MS, "squat", turn))])

    threads = [threading.Thread(target=feed, args=(f"u{nr}",)) for nr in range(count)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        _merge(seen, reader.take())
    for thread in threads:
        thread.join()
    _merge(seen, reader.take())
    assert [user.repetitions for user in seen.values()] == [turns - 1] * count
