"""Read models follow the events, and can be made again from them."""

from __future__ import annotations

import msgspec

from domain.commands import Command, InnerCommand, SetTraining
from domain.identifiers import UserId, shard_of
from domain.profile_commands import ProfileCommand
from domain.training import Training
from domain.user import User, decide, evolve
from persistence.ports import Store
from persistence.profile_tables import GOAL, MEASUREMENT_BY_USER, PROFILE
from persistence.projections import project
from persistence.tables import (
    LABEL,
    SENSOR,
    SESSION_BY_USER,
    SET_BY_SESSION,
    SUGGESTION_BY_SESSION,
    USER_BY_SHARD,
)
from tests.domain.test_commands import CLOSE, FRAMED, OPEN, RECORD, SESSION
from tests.domain.test_commands import LABEL as LABELLED
from tests.domain.test_profile import MEASURED
from tests.domain.test_profile import PROFILE as PROFILED
from tests.domain.test_user import FOUND, SUGGEST

ADA = UserId("ada")


def happen(store: Store, *commands: Command | InnerCommand | ProfileCommand) -> None:
    user = User()
    for command in commands:
        for event in decide(user, command):
            store.write(project(ADA, user, event))
            user = evolve(user, event)


def test_a_session_is_listed_when_it_opens_and_ends_when_it_closes(store: Store) -> None:
    happen(store, OPEN)
    (row,) = store.read(SESSION_BY_USER, (ADA,))
    assert (row.session_id, row.device_id, row.started_at, row.ended_at) == ("s", "d", 1, None)
    (user,) = store.read(USER_BY_SHARD, (shard_of(ADA),))
    assert (user.user_id, user.last_session_at) == (ADA, 1)
    happen(store, OPEN, msgspec.structs.replace(CLOSE, command_nr=1))
    assert list(store.read(SESSION_BY_USER, (ADA,))) == [row._replace(ended_at=5000)]


def test_frames_labels_and_sets_have_a_row_each(store: Store) -> None:
    found = msgspec.structs.replace(FOUND, start_ms=30_000, end_ms=40_000)
    happen(store, OPEN, FRAMED, LABELLED, msgspec.structs.replace(RECORD, command_nr=2), found)
    assert [row.sequence_nr for row in store.read(SENSOR, (ADA, SESSION, "a.wrist"))] == [0]
    (label,) = store.read(LABEL, (ADA, SESSION))
    assert (label.exercise, label.repetitions, label.weight_kg) == ("squat", 8, 20.0)
    sets = [(row.start_at, row.source) for row in store.read(SET_BY_SESSION, (ADA, SESSION))]
    assert sets == [(1000, "device"), (30_000, "server")]


def test_a_corrected_label_replaces_the_first(store: Store) -> None:
    happen(store, OPEN, LABELLED, msgspec.structs.replace(LABELLED, command_nr=2, exercise="press"))
    assert [row.exercise for row in store.read(LABEL, (ADA, SESSION))] == ["press"]


def test_a_suggestion_is_open_until_the_next_label_answers_it(store: Store) -> None:
    happen(store, OPEN, SUGGEST)
    assert [row.taken for row in store.read(SUGGESTION_BY_SESSION, (ADA, SESSION))] == [None]
    happen(store, OPEN, SUGGEST, LABELLED)
    assert [row.taken for row in store.read(SUGGESTION_BY_SESSION, (ADA, SESSION))] == [True]
    happen(store, OPEN, SUGGEST, msgspec.structs.replace(LABELLED, exercise="press"))
    assert [row.taken for row in store.read(SUGGESTION_BY_SESSION, (ADA, SESSION))] == [False]


def test_a_profile_has_one_row_and_every_measurement_its_own(store: Store) -> None:
    later = msgspec.structs.replace(PROFILED, at_ms=20, in_statistics=False)
    happen(store, PROFILED, later, MEASURED, msgspec.structs.replace(MEASURED, at_ms=20))
    profile = (ADA, 20, 1985, "female", 170.0, "novice", False, False, True)
    assert list(store.read(PROFILE, (ADA,))) == [profile]
    weighed = [(ADA, "body_weight_kg", at_ms, 70.0) for at_ms in (20, 10)]
    assert list(store.read(MEASUREMENT_BY_USER, (ADA,))) == weighed


def test_of_goals_the_one_said_last_counts(store: Store) -> None:
    wishes = [
        SetTraining(session=SESSION, command_nr=nr, training=Training(at_ms=at_ms, goal=goal))
        for nr, (at_ms, goal) in enumerate([(20, "strength"), (10, "endurance")], start=1)
    ]
    happen(store, OPEN, *wishes)
    assert list(store.read(GOAL, (ADA,))) == [(ADA, 20, "strength")]


def test_projecting_again_changes_nothing(store: Store) -> None:
    commands = [OPEN, FRAMED, SUGGEST, LABELLED, FOUND, msgspec.structs.replace(CLOSE, command_nr=2)]
    tables = [SENSOR, LABEL, SESSION_BY_USER, SET_BY_SESSION, SUGGESTION_BY_SESSION, USER_BY_SHARD]
    happen(store, *commands)
    before = [list(store.scan(table)) for table in tables]
    happen(store, *commands)
    assert [list(store.scan(table)) for table in tables] == before
    assert all(len(rows) == 1 for rows in before)
