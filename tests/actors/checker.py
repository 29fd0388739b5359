"""Reads the stores behind a simulation: all that was sent is there once, in order, and nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.events import (
    ConsentGiven,
    ExerciseContributed,
    ExerciseSuggested,
    JournalEvent,
    LabelConfirmed,
    LabelWithdrawn,
    PlanSet,
    ProfileEvent,
    ProfileTold,
    ProgrammeSet,
    SessionDeleted,
    SessionEvent,
    SetMeasured,
    SetRecognised,
    SuggestionAnswered,
    TipGiven,
    TrainingSet,
)
from domain.identifiers import UserId, shard_of
from domain.user import User, evolve
from persistence.comparison import BY_USER, Rows, apply
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.ports import Store
from persistence.projections import project
from persistence.rebuild import ReadModels
from persistence.tables import (
    LABEL,
    SENSOR,
    SET_BY_SESSION,
    SUGGESTION_BY_SESSION,
    USER_BY_SHARD,
)
from tests.actors.driving import MASTER_KEY
from tests.actors.simulation import Device, Sent


def check(store: Store, devices: list[Device]) -> None:
    """Everything the devices recorded has been acknowledged."""
    for device in devices:
        assert not device.client.refusals, device.client.refusals[0]
    for user in {device.user for device in devices}:
        sessions = {n: s for d in devices if d.user == user for n, s in d.sessions.items()}
        events = journal(store, user)
        _check_commands(events, sessions)
        _check_frames(store, user, sessions)
        _check_read_models(store, user, events, sessions)


def journal(store: Store, user: UserId) -> list[JournalEvent]:
    """The user's events, whose numbers are 1, 2, ... without gaps or doubles."""
    cipher = DataKeyStore(store, MASTER_KEY).cipher_of(user)
    replayed = list(Journal(store).replay(user, cipher))
    assert [number for number, _ in replayed] == list(range(1, len(replayed) + 1))
    return [event for _, event in replayed]


def sets_of_server(events: list[JournalEvent]) -> list[SetRecognised]:
    return [e for e in events if isinstance(e, SetRecognised) and e.command_nr is None]


def _check_commands(events: list[JournalEvent], sessions: Mapping[str, Sent]) -> None:
    taken: dict[str, list[tuple[object, ...]]] = {name: [] for name in sessions}
    ends_ms: dict[str, int] = {}
    for event in events:
        assert not isinstance(event, SessionDeleted), "nobody here deletes"
        if isinstance(event, SetMeasured):
            assert event.command_nr is None, "no device here measures"
            continue
        if isinstance(event, ProfileEvent | ProgrammeSet | ConsentGiven | TipGiven):
            continue
        if event.command_nr is None:
            if not isinstance(event, SetRecognised):
                assert isinstance(event, ExerciseSuggested | SuggestionAnswered)
                continue
            assert event.start_ms >= ends_ms.get(event.session, 0), "a set was found twice"
        else:
            assert event.command_nr == len(taken[event.session])
            at_ms = _at_ms(event)
            taken[event.session].append((type(event).__name__, at_ms))
        if isinstance(event, SetRecognised):
            ends_ms[event.session] = max(ends_ms.get(event.session, 0), event.end_ms)
    assert taken == {name: sent.commands for name, sent in sessions.items()}


def _at_ms(event: SessionEvent) -> int:
    match event:
        case SetMeasured():
            return event.form.end_ms
        case TrainingSet():
            return event.training.at_ms
        case PlanSet():
            return event.plan.at_ms
        case ExerciseContributed():
            return event.exercise.at_ms
        case ProfileTold():
            return event.told.at_ms
        case LabelConfirmed() | LabelWithdrawn() | SetRecognised():
            return event.end_ms
    return event.at_ms


def _check_frames(store: Store, user: UserId, sessions: Mapping[str, Sent]) -> None:
    for name, sent in sessions.items():
        for stream, samples in sent.frames.items():
            rows = list(store.read(SENSOR, (user, name, stream)))
            assert [row.sequence_nr for row in rows] == list(range(len(samples)))
            assert [row.samples for row in rows] == samples


def _check_read_models(
    store: Store, user: UserId, events: list[JournalEvent], sessions: Mapping[str, Sent]
) -> None:
    """They are what the journal says, but for what a former owner's recogniser found and wrote too late.

    Nothing that a device sent is among that, as the device sent it to the next owner too, but a label that
    was overridden there. A rebuild removes it.
    """
    expected = _projected(user, events)
    stored = _stored(store, user, sessions)
    late = stored.keys() - expected.keys()
    assert {key: row for key, row in stored.items() if key not in late} == expected
    assert {key[0] for key in late} <= {SET_BY_SESSION.name, SUGGESTION_BY_SESSION.name, LABEL.name}
    if late:
        read_models = ReadModels(store, DataKeyStore(store, MASTER_KEY), wait=lambda seconds: None)
        (outcome,) = read_models.outcomes([user], mend=True)
        assert outcome.problem is None
        assert _stored(store, user, sessions) == expected


def _projected(user: UserId, events: list[JournalEvent]) -> dict[tuple[Any, ...], Any]:
    """The rows that the events make, by table and key."""
    state, expected = User(), Rows()
    for event in events:
        for change in project(user, state, event):
            apply(change, expected)
        state = evolve(state, event)
    return {key: row for key, (_, row) in expected.items()}


def _stored(store: Store, user: UserId, sessions: Mapping[str, Sent]) -> dict[tuple[Any, ...], Any]:
    tables: list[tuple[Any, tuple[str, ...]]] = [(table, (user,)) for table in BY_USER]
    tables += [(t, (user, name)) for t in (LABEL, SET_BY_SESSION, SUGGESTION_BY_SESSION) for name in sessions]
    rows: list[tuple[Any, Any]] = [
        (table, row) for table, partition in tables for row in store.read(table, partition)
    ]
    rows += [(USER_BY_SHARD, r) for r in store.read(USER_BY_SHARD, (shard_of(user),)) if r.user_id == user]
    return {(t.name, *(getattr(row, key) for key in t.key)): row for t, row in rows}
