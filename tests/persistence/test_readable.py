"""Events and states in readable words come back as they were; what is none is a documented error."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidArchive
from domain.events import JournalEvent
from domain.happened import check_event
from domain.user import User
from persistence.readable import named, unnamed
from tests.domain.strategies import events as any_events
from tests.persistence.golden.values import EVENTS, STATES
from tests.persistence.histories import history


@given(st.integers(0, 2**32), st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_any_history_comes_back_as_it_was(seed: int, count: int) -> None:
    for event in history(random.Random(seed), count):
        assert check_event(event) == event
        assert unnamed(json.loads(json.dumps(named(event))), JournalEvent, "it") == event


@given(any_events())
@settings(max_examples=200, deadline=None)
def test_any_event_comes_back_as_it_was(event: JournalEvent) -> None:
    assert unnamed(json.loads(json.dumps(named(event))), JournalEvent, "it") == event


@pytest.mark.parametrize("name", EVENTS)
def test_every_kind_of_event_comes_back_as_it_was(name: str) -> None:
    assert unnamed(json.loads(json.dumps(named(EVENTS[name]))), JournalEvent, name) == EVENTS[name]


@pytest.mark.parametrize("name", STATES)
def test_every_kind_of_state_comes_back_as_it_was(name: str) -> None:
    assert unnamed(json.loads(json.dumps(named(STATES[name]))), User, name) == STATES[name]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["is", "session", "at_ms", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_what_is_no_event_is_a_documented_error(found: Any) -> None:
    with pytest.raises(InvalidArchive):
        unnamed(found, JournalEvent, "it")
