"""What takes long may be asked for ten times in a row, and then every five seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.pace import BURST, EVERY_MS, Pace
from domain.commands import OpenSession, SetTraining
from domain.errors import TooOften
from domain.identifiers import DeviceId, SessionId
from domain.replies import Refused
from domain.training import Training
from persistence.sqlite import SqliteStore
from tests.actors.stub_models import T0_MS, StubShelf
from tests.actors.test_user_entity import Entity, of

NAME = SessionId("s")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


@given(st.lists(st.integers(-2 * EVERY_MS, 2 * EVERY_MS), max_size=60))
@example([-1, *[0] * 8, 680, 4320])
def test_no_more_turns_than_the_clock_gives(steps_ms: list[int]) -> None:
    pace, now_ms, taken = Pace(), T0_MS, 0
    first_ms = latest_ms = T0_MS + sum(steps_ms[:1])  # the stock is full when first asked, whenever that is
    for step_ms in steps_ms:
        now_ms += step_ms
        latest_ms = max(latest_ms, now_ms)
        try:
            pace.take(now_ms)
            taken += 1
        except TooOften:
            pass
    assert taken <= BURST + (latest_ms - first_ms) / EVERY_MS
    assert taken >= min(BURST, len(steps_ms))


def opened(coach: str) -> OpenSession:
    return OpenSession(
        session=NAME,
        command_nr=0,
        at_ms=T0_MS,
        device=DeviceId("w"),
        recogniser="device",
        streams=(),
        coach=coach,  # type: ignore[arg-type]
    )


def wish(number: int) -> SetTraining:
    return SetTraining(session=NAME, command_nr=number, training=Training(at_ms=T0_MS + number))


def test_wishes_beyond_the_limit_are_refused_for_now_and_cost_no_turn_when_sent_again(
    store: SqliteStore,
) -> None:
    entity = Entity(store, StubShelf(None))
    entity.take(opened("server"))
    for number in range(1, BURST + 1):
        assert not of(Refused, entity.take(wish(number), wish(number), wish(1)))
    (refused,) = of(Refused, entity.take(wish(BURST + 1)))
    assert (refused.code, refused.retry, refused.expected_nr) == ("too_often", True, None)
    assert entity.entity.state.training.at_ms == T0_MS + BURST


def test_what_a_device_plans_itself_is_not_limited(store: SqliteStore) -> None:
    entity = Entity(store, StubShelf(None))
    entity.take(opened("device"))
    for number in range(1, 3 * BURST):
        assert not of(Refused, entity.take(wish(number)))
