"""Every table of muvr, declared once. `muvr` holds the truth, `muvr_training` what the night derives from it,
`muvr_keys` the data keys, kept out of backups so that erasing a key erases what it protects.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from persistence.api_tables import API_TABLES
from persistence.batch_tables import BATCH_TABLES
from persistence.exercise_tables import EXERCISE_TABLES
from persistence.night_tables import NIGHT_TABLES
from persistence.privacy_tables import PRIVACY_TABLES
from persistence.profile_tables import PROFILE_TABLES
from persistence.schema import KEYS, MAIN, SAMPLES_COMPRESSED, TRAINING, Samples, Table, Timestamp


class JournalRow(NamedTuple):
    persistence_id: str
    partition_nr: int
    sequence_nr: int
    writer_epoch: int
    written_at: Timestamp
    event: bytes
    previous_epoch: int | None = None  # of the event before it; None in rows of schema 1


JOURNAL = Table(
    name="journal",
    keyspace=MAIN,
    row=JournalRow,
    partition=("persistence_id", "partition_nr"),
    clustering=("sequence_nr", "writer_epoch"),
    comment="Events of a user, MessagePack under AES-256-GCM; see persistence/chain.py for which count",
)


class SnapshotRow(NamedTuple):
    persistence_id: str
    sequence_nr: int
    written_at: Timestamp
    state: bytes


SNAPSHOT = Table(
    name="snapshot",
    keyspace=MAIN,
    row=SnapshotRow,
    partition=("persistence_id",),
    clustering=("sequence_nr",),
    descending=True,
    comment="State of a user after the event of that number, encrypted like the journal, newest first",
)


class SensorRow(NamedTuple):
    user_id: str
    session_id: str
    stream: str
    sequence_nr: int
    sensor: str
    start_at: Timestamp
    rate_hz: float
    scale: float
    samples: Samples


SENSOR = Table(
    name="sensor",
    keyspace=MAIN,
    row=SensorRow,
    partition=("user_id", "session_id", "stream"),
    clustering=("sequence_nr",),
    options=(SAMPLES_COMPRESSED,),
    comment="One frame of a sensor; value in the sensor's unit = sample * scale, interleaved by axis",
)


class LabelRow(NamedTuple):
    user_id: str
    session_id: str
    start_at: Timestamp
    end_at: Timestamp
    exercise: str
    repetitions: int | None
    weight_kg: float | None


LABEL = Table(
    name="label",
    keyspace=MAIN,
    row=LabelRow,
    partition=("user_id", "session_id"),
    clustering=("start_at",),
    comment="What a user confirmed to have done from start_at to end_at",
)


class SessionRow(NamedTuple):
    user_id: str
    started_at: Timestamp
    session_id: str
    device_id: str
    ended_at: Timestamp | None


SESSION_BY_USER = Table(
    name="session_by_user",
    keyspace=MAIN,
    row=SessionRow,
    partition=("user_id",),
    clustering=("started_at", "session_id"),
    descending=True,
    comment="Read model: a user's exercise sessions, newest first",
)


class SetRow(NamedTuple):
    user_id: str
    session_id: str
    start_at: Timestamp
    end_at: Timestamp
    exercise: str
    confidence: float
    repetitions: int
    source: str
    model_id: str


SET_BY_SESSION = Table(
    name="set_by_session",
    keyspace=MAIN,
    row=SetRow,
    partition=("user_id", "session_id"),
    clustering=("start_at",),
    comment="Read model: sets recognised in a session, by the server or on the device",
)


class SuggestionRow(NamedTuple):
    user_id: str
    session_id: str
    suggested_at: Timestamp
    exercise: str
    weight_kg: float | None
    repetitions: int
    reason: str
    taken: bool | None


SUGGESTION_BY_SESSION = Table(
    name="suggestion_by_session",
    keyspace=MAIN,
    row=SuggestionRow,
    partition=("user_id", "session_id"),
    clustering=("suggested_at",),
    comment="Read model: what was suggested during a session, and whether it was taken",
)


class UserRow(NamedTuple):
    shard_nr: int
    user_id: str
    last_session_at: Timestamp


USER_BY_SHARD = Table(
    name="user_by_shard",
    keyspace=MAIN,
    row=UserRow,
    partition=("shard_nr",),
    clustering=("user_id",),
    comment="Read model: the users that ever opened a session",
)


class ModelRow(NamedTuple):
    scope: str
    sensor_set: str
    created_at: Timestamp
    model_id: str
    digest: str
    classes: str
    parameter_count: int
    byte_count: int
    train_seconds: float
    lineage: str


MODEL = Table(
    name="model",
    keyspace=MAIN,
    row=ModelRow,
    partition=("scope", "sensor_set"),
    clustering=("created_at", "model_id"),
    descending=True,
    comment="Trained models; scope is everyone, cluster:ID or user:ID; classes and lineage are JSON",
)


class ArtefactRow(NamedTuple):
    digest: str
    chunk_nr: int
    chunk: bytes


ARTEFACT = Table(
    name="artefact",
    keyspace=MAIN,
    row=ArtefactRow,
    partition=("digest",),
    clustering=("chunk_nr",),
    comment="Model files by SHA-256, in chunks",
)


class CurrentModelRow(NamedTuple):
    scope: str
    sensor_set: str
    model_id: str
    digest: str
    f1_macro: float
    earlier: str | None = None  # what was served before, newest first; None in rows of schema 2


CURRENT_MODEL = Table(
    name="current_model",
    keyspace=MAIN,
    row=CurrentModelRow,
    partition=("scope", "sensor_set"),
    comment="The model that devices are offered; earlier is JSON, those offered before it",
)


class EvaluationRow(NamedTuple):
    model_id: str
    evaluated_at: Timestamp
    data_set: str
    accuracy: float
    precision: float
    recall: float
    f1_macro: float
    metrics: str


EVALUATION = Table(
    name="evaluation",
    keyspace=MAIN,
    row=EvaluationRow,
    partition=("model_id",),
    clustering=("evaluated_at", "data_set"),
    descending=True,
    comment="How well a model did on a data set; metrics is JSON with figures per class and confusion",
)


class WindowRow(NamedTuple):
    sensor_set: str
    bucket_nr: int
    subject: str
    session: str
    run_nr: int
    start_at: Timestamp
    label: str
    samples: Samples


WINDOW = Table(
    name="window",
    keyspace=TRAINING,
    row=WindowRow,
    partition=("sensor_set", "bucket_nr"),
    clustering=("subject", "session", "run_nr", "start_at"),
    options=(SAMPLES_COMPRESSED,),
    comment="Labelled 2 s windows as int16 of full scale; of a session those of its newest served run count",
)


class DataKeyRow(NamedTuple):
    user_id: str
    wrapped_key: bytes


DATA_KEY = Table(
    name="data_key",
    keyspace=KEYS,
    row=DataKeyRow,
    partition=("user_id",),
    conditional=True,
    comment="A user's data key, wrapped by the node's master key",
)


class MemberRow(NamedTuple):
    member_id: str
    incarnation: str
    renewal_nr: int
    view_nr: int
    url: str
    renewed_at: Timestamp


MEMBER = Table(
    name="member",
    keyspace=KEYS,
    row=MemberRow,
    partition=("member_id",),
    conditional=True,
    serial_reads=True,
    comment="Lease of a shard host, alive while renewal_nr grows; what view_nr takes from it, it let go",
)


class ViewRow(NamedTuple):
    name: str
    number: int
    members: str


VIEW = Table(
    name="shard_view",
    keyspace=KEYS,
    row=ViewRow,
    partition=("name",),
    conditional=True,
    serial_reads=True,
    comment="Members of the cluster (JSON) after so many changes; the owner of a shard follows from it",
)

_OWN = tuple(value for value in globals().values() if isinstance(value, Table))
TABLES: tuple[Table[Any], ...] = (
    *_OWN,
    *BATCH_TABLES,
    *NIGHT_TABLES,
    *PROFILE_TABLES,
    *EXERCISE_TABLES,
    *API_TABLES,
    *PRIVACY_TABLES,
)
KEYSPACES = (MAIN, TRAINING, KEYS)
