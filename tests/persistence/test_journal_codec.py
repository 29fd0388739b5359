"""Events and states survive their codec; anything else is told as corrupt; old formats are upcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import StoredValueCorrupt
from domain.events import JournalEvent, SessionClosed
from domain.identifiers import SessionId, UserId
from domain.user import User, evolve
from persistence import blobs
from persistence.blobs import FORMAT_VERSION
from persistence.journal import EVENT_UPCASTERS, Journal
from persistence.keys import Cipher
from persistence.ports import Delete, Insert, Store
from persistence.schema import Timestamp
from persistence.snapshots import SnapshotStore
from persistence.sqlite import SqliteStore
from persistence.tables import JOURNAL, SNAPSHOT, JournalRow, SnapshotRow
from tests.domain.strategies import deletions, events, profile_events

ADA = UserId("ada")
CIPHER = Cipher(bytes(32))
CONTEXT = b"ada/1"
CLOSED = SessionClosed(session=SessionId("s"), command_nr=1, at_ms=2)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for many examples, each of which replaces the last."""
    return SqliteStore(tmp_path_factory.mktemp("codec"))


def stored_event(store: Store, blob: bytes) -> JournalEvent:
    """What the journal makes of `blob` as Ada's event 1."""
    row = JournalRow(ADA, 0, 1, 0, Timestamp(0), blob)
    store.write([Delete(JOURNAL, (ADA, 0)), Insert(JOURNAL, row)])
    ((_, event),) = Journal(store).replay(ADA, CIPHER)
    return event


def stored_state(store: Store, blob: bytes) -> tuple[int, User] | None:
    store.write([Delete(SNAPSHOT, (ADA,)), Insert(SNAPSHOT, SnapshotRow(ADA, 1, Timestamp(0), blob))])
    return SnapshotStore(store).newest(ADA, CIPHER)


def sealed(plain: bytes, version: int = FORMAT_VERSION) -> bytes:
    return bytes([version]) + CIPHER.seal(plain, CONTEXT)


@given(st.lists(events() | profile_events() | deletions(), min_size=1, max_size=5))
def test_events_come_back_equal(shared: Store, written: list[JournalEvent]) -> None:
    entries = Journal.entries(ADA, CIPHER, written, first_nr=1, writer_epoch=0, previous_epoch=None, now_ms=0)
    shared.write([Delete(JOURNAL, (ADA, 0)), *entries])
    assert list(Journal(shared).replay(ADA, CIPHER)) == list(enumerate(written, 1))


@given(st.lists(events() | profile_events() | deletions(), max_size=8))
def test_states_come_back_equal(shared: Store, happened: list[JournalEvent]) -> None:
    state = User()
    for event in happened:
        state = evolve(state, event)
    shared.write(SnapshotStore.entries(ADA, CIPHER, 7, state, now_ms=0))
    assert SnapshotStore(shared).newest(ADA, CIPHER, at_most=7) == (7, state)
    shared.write([Delete(SNAPSHOT, (ADA,))])


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
tags = st.sampled_from(["session_opened", "label_confirmed", "set_recognised", "suggested", "answered"])
nearly = st.builds(lambda tag, fields: [tag, *fields], tags, st.lists(anything, max_size=9))
plain_bytes = st.binary(max_size=60) | (anything | nearly).map(msgspec.msgpack.encode)


@given(plain_bytes, st.integers(0, 255))
@example(b"\x91\xa1\xff", FORMAT_VERSION)
@example(b"\x92\xaesession_closed\xa1\xff", FORMAT_VERSION)
@example(b"\x91" * 5000, FORMAT_VERSION)
@example(b"\x95\xaesession_closed\xa1s\x01\x01" + b"\x91" * 5000, FORMAT_VERSION)
@example(b"\x91" * 5000, 0)
@example(b"\xdd\xff\xff\xff\xff", FORMAT_VERSION)
def test_any_sealed_bytes_are_a_value_or_corrupt(shared: Store, plain: bytes, version: int) -> None:
    try:
        event = stored_event(shared, sealed(plain, version))
    except StoredValueCorrupt as error:
        told = str(error)
        assert "event 1 (epoch 0) of user 'ada'" in told
    else:
        assert isinstance(event, JournalEvent)
    found = stored_state(shared, sealed(plain, version))
    assert found is None or isinstance(found[1], User)


@given(st.binary(max_size=60))
def test_any_stored_bytes_are_corrupt(shared: Store, blob: bytes) -> None:
    with pytest.raises(StoredValueCorrupt):
        stored_event(shared, blob)
    assert stored_state(shared, blob) is None


@given(st.data())
def test_an_altered_blob_is_corrupt(shared: Store, data: st.DataObject) -> None:
    blob = bytearray(sealed(msgspec.msgpack.encode(CLOSED)))
    at = data.draw(st.integers(0, len(blob) - 1))
    blob[at] ^= data.draw(st.integers(1, 255))
    try:
        event = stored_event(shared, bytes(blob))
    except StoredValueCorrupt:
        return
    assert (at, event) == (0, CLOSED), "it says an older version, in which this event was written the same"
    assert blob[0] in range(1, FORMAT_VERSION)


def test_a_newer_format_is_refused_with_what_to_do(shared: Store) -> None:
    with pytest.raises(StoredValueCorrupt, match="a newer muvr wrote it"):
        stored_event(shared, sealed(msgspec.msgpack.encode(CLOSED), FORMAT_VERSION + 1))


@pytest.fixture
def upcasters(monkeypatch: pytest.MonkeyPatch) -> dict[int, Callable[[Any], Any]]:
    """Format version 3, of which version 1 lacked `at_ms` and version 2 had it in seconds."""
    steps = {
        1: lambda value: [*value, 2],
        2: lambda value: [*value[:3], value[3] * 1000],
    }
    monkeypatch.setattr(blobs, "FORMAT_VERSION", 3)
    for version, step in steps.items():
        monkeypatch.setitem(EVENT_UPCASTERS, version, step)
    return steps


@pytest.mark.parametrize(("version", "fields"), [(1, ["s", 1]), (2, ["s", 1, 2]), (3, ["s", 1, 2000])])
def test_upcasters_apply_in_order(
    shared: Store, upcasters: dict[int, Callable[[Any], Any]], version: int, fields: list[Any]
) -> None:
    plain = msgspec.msgpack.encode(["session_closed", *fields])
    event = stored_event(shared, sealed(plain, version))
    assert event == msgspec.structs.replace(CLOSED, at_ms=2000)


@pytest.mark.parametrize("value", [None, [], 7, ["session_closed"], "text"])
@pytest.mark.parametrize("version", [0, 1, 2])
def test_what_no_upcaster_understands_is_corrupt(
    shared: Store, upcasters: dict[int, Callable[[Any], Any]], version: int, value: Any
) -> None:
    with pytest.raises(StoredValueCorrupt):
        stored_event(shared, sealed(msgspec.msgpack.encode(value), version))
