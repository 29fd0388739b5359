"""A user of whom every table that may hold something holds something, and others beside."""

from __future__ import annotations

import json
import random
import zlib
from typing import Any, cast

import msgspec
import numpy as np

from domain.commands import Stream
from domain.events import ExerciseContributed, JournalEvent, SessionOpened
from domain.frames import SensorFrame
from domain.identifiers import ModelId, SessionId, StreamId, UserId, pseudonym_of
from domain.sensors import SensorSet
from domain.user import User
from domain.windows import LabelledWindow
from persistence.api_tables import (
    API_REQUEST,
    GRANT_BY_USER,
    LOGIN,
    LOGIN_BY_USER,
    PAIRING,
    PATIENT_BY_COACH,
    REVOCATION,
    GrantRow,
    LoginOfUserRow,
    LoginRow,
    PairingRow,
    PatientRow,
    RequestRow,
    RevocationRow,
)
from persistence.arrivals import arrival
from persistence.keys import DataKeyStore
from persistence.learned_tables import CLUSTER_MEMBER, ClusterMemberRow
from persistence.models import ModelStore, evaluation_row, user_scope
from persistence.ports import Insert, Store
from persistence.privacy_tables import ACCESS, AccessRow
from persistence.runs import RESULT_BUCKET_COUNT
from persistence.schema import Table, Timestamp
from persistence.sensors import SensorStore
from persistence.snapshots import SnapshotStore
from persistence.tables import ModelRow
from persistence.windows import WindowStore
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.golden.values import EVENTS
from tests.persistence.histories import history, live

PSEUDONYM_KEY = b"p" * 32
SIGNING_KEY = b"s" * 32
STREAMS = (
    Stream(stream=StreamId("wrist"), sensor="a", location="wrist"),
    Stream(stream=StreamId("pulse"), sensor="h", location="chest"),
)
FRAMES = 4  # of each stream
_SETS = (SensorSet(("a",), 50), SensorSet(("a", "g"), 50))
_FIGURES = {"accuracy": 0.9, "precision": 0.9, "recall": 0.9, "f1_macro": 0.9}


def events_of(rng: random.Random, count: int = 150) -> list[JournalEvent]:
    """A history of which every session has STREAMS."""
    events: list[JournalEvent] = [
        SessionOpened(
            session=event.session,
            command_nr=event.command_nr,
            at_ms=event.at_ms,
            device=event.device,
            recogniser=event.recogniser,
            streams=STREAMS,
        )
        if isinstance(event, SessionOpened)
        else event
        for event in history(rng, count)
    ]
    described = cast(ExerciseContributed, EVENTS["exercise contributed"])
    return [*events, msgspec.structs.replace(described, session=sessions_of(events)[-1])]


def sessions_of(events: list[JournalEvent]) -> list[SessionId]:
    return [event.session for event in events if isinstance(event, SessionOpened)]


def frame(rng: random.Random, session: SessionId, stream: Stream, number: int) -> SensorFrame:
    axes = 3 if stream.sensor == "a" else 1
    samples = np.array([rng.randrange(-32768, 32768) for _ in range(50 * axes)], "<i2")
    return SensorFrame(
        session=session,
        stream=stream.stream,
        sequence_nr=number,
        sensor=stream.sensor,
        start_ms=3_600_000 + 1000 * number,
        rate_hz=50.0,
        scale=rng.choice([1 / 4096, 0.01]),
        samples=samples.tobytes(),
    )


def whole_user(store: Store, user: UserId, rng: random.Random) -> list[JournalEvent]:
    """Store something of `user` in every table; returns the journalled events."""
    events = events_of(rng)
    live(store, user, events)
    subject = pseudonym_of(user, PSEUDONYM_KEY)
    writes: list[Any] = []
    for session in sessions_of(events):
        for stream in STREAMS:
            frames = [frame(rng, session, stream, number) for number in range(FRAMES)]
            writes += [SensorStore.entry(user, each) for each in frames]
        writes.append(
            arrival(user, session, [each.stream for each in STREAMS], 86_400_000 * rng.randrange(9))
        )
    cipher = DataKeyStore(store, MASTER_KEY).cipher_of(user)
    writes += SnapshotStore.entries(user, cipher, 0, User(), 5)
    bucket = zlib.crc32(subject.encode()) % RESULT_BUCKET_COUNT
    writes.append(Insert(CLUSTER_MEMBER, ClusterMemberRow(3, bucket, subject, "c1")))
    writes.append(
        Insert(ACCESS, AccessRow(user, Timestamp(7), "1", "eve", "operator", "sessions", "support"))
    )
    store.write(writes)
    _api(store, user)
    _windows(store, subject, sessions_of(events))
    _models(store, user, subject)
    return events


def _api(store: Store, user: UserId) -> None:
    """What the API keeps; the user has a coach, and is one."""
    at = Timestamp(5)
    login = LoginRow(f"l-{user}", user, "watch", "device", at, 1, at, at, None)
    store.insert_if_absent(LOGIN, [login])
    store.insert_if_absent(PAIRING, [PairingRow(f"p-{user}", user, "device", "x", at, 1)])
    store.insert_if_absent(API_REQUEST, [RequestRow(user, "user x", "k", "d", at, None, None, None)])
    rows: list[tuple[Table[Any], Any]] = [
        (LOGIN_BY_USER, LoginOfUserRow(user, f"l-{user}", at)),
        (REVOCATION, RevocationRow("user", user, at, at)),
        (GRANT_BY_USER, GrantRow(user, "coach", at)),
        (PATIENT_BY_COACH, PatientRow("coach", user, at)),
        (GRANT_BY_USER, GrantRow("patient", user, at)),
        (PATIENT_BY_COACH, PatientRow(user, "patient", at)),
    ]
    store.write([Insert(table, row) for table, row in rows])


def _windows(store: Store, subject: str, sessions: list[SessionId]) -> None:
    WindowStore(store).write(
        LabelledWindow(
            sensor_set=sensor_set,
            subject=subject,
            session=f"{subject}/{session}",
            start_ms=0,
            label="squat",
            samples=np.zeros((sensor_set.window_samples, sensor_set.channel_count), np.float32),
        )
        for sensor_set in _SETS
        for session in sessions
    )


def _models(store: Store, user: UserId, subject: str) -> None:
    for scope, name in ((user_scope(user), f"own-{user}"), ("everyone", f"all-{user}")):
        lineage = json.dumps({"subjects": [subject], "sessions": []})
        digest = f"{zlib.crc32(name.encode()):064x}"
        row = ModelRow(scope, "a@50", Timestamp(1), ModelId(name), digest, "[]", 1, 1, 1.0, lineage)
        models = ModelStore(store)
        models.save(row, b"x" * 10, evaluation_row(name, 1, "latest", _FIGURES))
        if scope != "everyone":
            models.serve(row, 0.9)
