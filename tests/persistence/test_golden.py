"""What each format version wrote is read today, and what is written today is of the documented form."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.events import SessionClosed
from domain.identifiers import UserId
from domain.user import User
from persistence.blobs import FORMAT_VERSION
from persistence.journal import EVENT_UPCASTERS, Journal
from persistence.keys import NONCE_BYTES, Cipher
from persistence.ports import Insert, Store
from persistence.schema import Timestamp
from persistence.snapshots import STATE_UPCASTERS, SnapshotStore
from persistence.tables import JOURNAL, SNAPSHOT, JournalRow, SnapshotRow
from tests.persistence.golden.files import (
    KEY,
    KINDS,
    USER,
    VALUES,
    content_of,
    fields_of,
    named,
    path_of,
    read,
    versions_of,
)

HOW = f"""What is stored has the form in {path_of("KIND", FORMAT_VERSION).name}; another has another version:
 1. raise FORMAT_VERSION in persistence/blobs.py;
 2. add the upcaster {FORMAT_VERSION} to EVENT_UPCASTERS (persistence/journal.py) and STATE_UPCASTERS
    (persistence/snapshots.py), which makes a value of version {FORMAT_VERSION} one of the next;
 3. let tests/persistence/golden/values.py cover the change, both ways if a field is optional;
 4. python -m tests.persistence.golden.files
 5. correct `value`, and nothing else, in the older golden files to what they are read as now."""

ADA = UserId(USER)
FILES = [(kind, version) for kind in KINDS for version in versions_of(kind)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_version_up_to_todays_has_a_golden_file(kind: str) -> None:
    assert versions_of(kind) == list(range(1, FORMAT_VERSION + 1)), HOW


@pytest.mark.parametrize("upcasters", [EVENT_UPCASTERS, STATE_UPCASTERS])
def test_every_version_before_todays_has_an_upcaster(upcasters: dict[int, Any]) -> None:
    assert sorted(upcasters) == list(range(1, FORMAT_VERSION)), HOW


@pytest.mark.parametrize(("kind", "version"), FILES)
def test_todays_code_reads_what_each_version_wrote(store: Store, kind: str, version: int) -> None:
    golden = read(kind, version)
    assert golden["format_version"] == version
    cipher = Cipher(bytes.fromhex(golden["key"]))
    for entry in golden["entries"]:
        blob, number = bytes.fromhex(entry["blob"]), entry["sequence_nr"]
        assert blob[0] == version
        value = _as_stored(store, cipher, kind, number, blob)
        assert named(value) == entry["value"], entry["name"]
        assert isinstance(value, KINDS[kind])


@pytest.mark.parametrize(("kind", "version"), FILES)
def test_another_reader_of_msgpack_sees_the_documented_structure(kind: str, version: int) -> None:
    golden = read(kind, version)
    for entry in golden["entries"]:
        assert _independently(bytes.fromhex(golden["key"]), entry) == _text(entry["plain"])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_today_is_what_the_golden_file_has(kind: str) -> None:
    golden, today = read(kind, FORMAT_VERSION), content_of(kind)
    assert [entry["name"] for entry in golden["entries"]] == list(VALUES[kind])
    for before, now in zip(golden["entries"], today["entries"], strict=True):
        assert now["value"] == before["value"], HOW
        assert _independently(KEY, now) == _text(before["plain"]), HOW


@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_are_those_of_the_version(kind: str) -> None:
    assert fields_of(KINDS[kind]) == read(kind, FORMAT_VERSION)["fields"], HOW


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_and_every_optional_field_both_ways_is_in_the_golden_file(kind: str) -> None:
    golden = read(kind, FORMAT_VERSION)
    seen: dict[str, dict[str, set[bool]]] = {}
    for entry in golden["entries"]:
        _see(entry["value"], seen)
    assert set(seen) == set(golden["fields"])
    for name, (_, *fields) in golden["fields"].items():
        for field, _, form in (field.partition(": ") for field in fields):
            if "None" in form:
                assert seen[name][field] == {True, False}, f"{name}.{field} is to be there once, and once not"


def test_another_form_is_noticed() -> None:
    """A field more, less, of another name, type or place, and another tag."""
    as_is = _fields("a: int", "b: int", tag="t")
    others = [
        _fields("a: int", tag="t"),
        _fields("a: int", "b: int", "c: int", tag="t"),
        _fields("b: int", "a: int", tag="t"),
        _fields("a: int", "b: str", tag="t"),
        _fields("a: int", "x: int", tag="t"),
        _fields("a: int", "b: int", tag="u"),
    ]
    assert _fields("a: int", "b: int", tag="t") == as_is
    assert as_is not in others
    assert fields_of(SessionClosed | None) == fields_of(SessionClosed)
    assert set(fields_of(User)) == {
        "User",
        "Session",
        "PastSet",
        "Stream",
        "ExerciseSuggested",
        "Training",
        "Place",
        "Declined",
        "Best",
        "Profile",
        "Measurement",
        "TrainingPlan",
        "PlanSession",
        "PlannedExercise",
        "Consent",
        "Contributed",
        "Care",
        "Programme",
        "Prescription",
        "Span",
        "Progress",
        "DoneSet",
        "DoneWeek",
        "KeptForm",
    }


def _fields(*declared: str, tag: str) -> dict[str, list[str]]:
    types = {"int": int, "str": str}
    parts = [(name, types[kind]) for name, _, kind in (each.partition(": ") for each in declared)]
    return fields_of(msgspec.defstruct("Made", parts, array_like=True, tag=tag))


def _as_stored(store: Store, cipher: Cipher, kind: str, number: int, blob: bytes) -> Any:
    """Through the stores, as a recovery reads it."""
    if kind == "event":
        store.write([Insert(JOURNAL, JournalRow(ADA, 0, number, 1, Timestamp(0), blob))])
        ((found, event),) = Journal(store).replay(ADA, cipher, lower=number)
        assert found == number
        return event
    store.write([Insert(SNAPSHOT, SnapshotRow(ADA, number, Timestamp(0), blob))])
    snapshot = SnapshotStore(store).newest(ADA, cipher, at_most=number)
    assert snapshot is not None
    assert snapshot[0] == number
    return snapshot[1]


def _independently(key: bytes, entry: dict[str, Any]) -> str:
    """The blob's plain structure, by no code of ours: version byte, nonce, AES-256-GCM bound to the row."""
    blob = bytes.fromhex(entry["blob"])[1:]
    context = f"{USER}/{entry['sequence_nr']}".encode()
    return _text(msgpack.unpackb(AESGCM(key).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], context)))


def _text(plain: Any) -> str:
    """In which 1 and 1.0 differ."""
    return json.dumps(plain, default=bytes.hex)


def _see(value: Any, seen: dict[str, dict[str, set[bool]]]) -> None:
    """Notes of each class which of its fields are None."""
    if isinstance(value, dict):
        if "is" in value:
            fields = seen.setdefault(value["is"], {})
            for name, inner in value.items():
                fields.setdefault(name, set()).add(inner is None)
        for inner in value.values():
            _see(inner, seen)
    elif isinstance(value, list):
        for inner in value:
            _see(inner, seen)
