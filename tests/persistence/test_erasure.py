"""An erased user is gone from every table, whatever failed, and nobody comes back under the name."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from domain.errors import Erased, InvalidArchive, StoredValueCorrupt, StoreError, StoreUnavailable
from domain.identifiers import UserId, pseudonym_of
from persistence import receipts
from persistence.erasure import Eraser, ErasureStore, Secrets
from persistence.footprint import HELD
from persistence.keys import DataKeyStore
from persistence.ports import Insert, Store
from persistence.receipts import NamedModel, Receipt
from persistence.tables import SENSOR, TABLES
from tests.actors.faulty_store import FaultyStore
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.whole_users import PSEUDONYM_KEY, SIGNING_KEY, whole_user

ADA, BOB = UserId("ada"), UserId("bob")
SECRETS = Secrets(pseudonym_key=PSEUDONYM_KEY, signing_key=SIGNING_KEY)
EMPTY = Receipt(digest="d", begun_ms=1, finished_ms=2, key_destroyed=True, parts={}, models=[], public_key="")
PUBLIC_KEY = bytes.fromhex(receipts.signed(EMPTY, SIGNING_KEY).public_key)
SEEDS = 25
TRIES_MAX = 400


def eraser(store: Store, **options: Any) -> Eraser:
    return Eraser(store, DataKeyStore(store, MASTER_KEY), SECRETS, lambda: 1_000, **options)


def contents(store: Store) -> dict[str, set[str]]:
    return {table.name: {repr(tuple(row)) for row in store.scan(table)} for table in TABLES}


def check_gone(store: Store, before: dict[str, set[str]], user: UserId) -> None:
    """No row of any table names the user or the user's pseudonym, and all others' are as before."""
    names = {user, pseudonym_of(user, PSEUDONYM_KEY), f"user:{user}", f"own-{user}"}
    for table in TABLES:
        for row in store.scan(table):
            held = {value for value in row if isinstance(value, str)}
            assert not names & held, (table.name, row)
    after = contents(store)
    for table in HELD:
        assert after[table.name] <= before[table.name], table.name
        mine = before[table.name] - after[table.name]
        assert all(any(f"'{name}'" in row or name in row for name in names) for row in mine if user in row)


def test_all_of_a_user_is_erased_and_nothing_of_others(store: Store) -> None:
    whole_user(store, BOB, random.Random(2))
    bobs = contents(store)
    whole_user(store, ADA, random.Random(1))
    before = contents(store)
    receipt = eraser(store).erase(ADA)
    check_gone(store, before, ADA)
    after = contents(store)
    assert all(bobs[table.name] <= after[table.name] for table in HELD)
    assert receipt.key_destroyed
    assert set(receipt.parts) == {table.name for table in HELD} - {"data_key"}
    assert {(each.model_id, each.scope, each.is_deleted) for each in receipt.models} == {
        ("own-ada", "user", True),
        ("all-ada", "everyone", False),
    }
    assert ADA not in receipts.encode(receipt).replace("own-ada", "").replace("all-ada", "")
    receipts.verify(receipt, PUBLIC_KEY)


def test_nobody_comes_back_under_the_name(store: Store) -> None:
    whole_user(store, ADA, random.Random(1))
    eraser(store).erase(ADA)
    keys = DataKeyStore(store, MASTER_KEY)
    with pytest.raises(Erased) as found:
        keys.cipher_of(ADA)
    assert not found.value.retry
    keys.cipher_of(BOB)
    assert ErasureStore(store).pending() == []


def test_from_the_first_step_on_nobody_wakes_the_user(store: Store) -> None:
    """Also a user who has a key and whose rows are all there still."""
    whole_user(store, ADA, random.Random(1))

    def held(user: UserId, digest: str) -> bool:
        with pytest.raises(Erased):
            DataKeyStore(store, MASTER_KEY).cipher_of(user)
        raise StoreUnavailable("a host holds on")

    with pytest.raises(StoreUnavailable):
        eraser(store, fence=held).erase(ADA)
    assert [row.user_id for row in ErasureStore(store).pending()] == [ADA]
    assert len(list(eraser(store).resume())) == 1
    assert ErasureStore(store).pending() == []


def test_a_user_of_whom_nothing_is_stored_can_be_erased(store: Store) -> None:
    receipt = eraser(store).erase(ADA)
    assert receipt.parts == {}
    assert receipt.key_destroyed
    with pytest.raises(Erased):
        DataKeyStore(store, MASTER_KEY).cipher_of(ADA)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_an_erasure_that_is_cut_off_anywhere_is_begun_again_and_ends_complete(
    store: Store, seed: int, backend: str
) -> None:
    if backend != "sqlite" and seed:
        pytest.skip("faults are drawn alike for every backend")
    rng = random.Random(seed)
    whole_user(store, BOB, random.Random(2))
    whole_user(store, ADA, random.Random(1))
    before, faulty = contents(store), FaultyStore(store, rng, 0.05)
    for _ in range(TRIES_MAX):
        try:
            receipt = eraser(faulty).erase(ADA)
            break
        except (StoreError, StoredValueCorrupt):
            continue
    else:
        pytest.fail(f"seed {seed}: no try of {TRIES_MAX} ended well")
    check_gone(store, before, ADA)
    assert receipt.key_destroyed
    assert {each.model_id for each in receipt.models} == {"own-ada", "all-ada"}, seed
    receipts.verify(receipt, PUBLIC_KEY)
    assert set(DataKeyStore(store, MASTER_KEY).ciphers_of([BOB])) == {BOB}


def test_what_a_node_that_seemed_gone_writes_late_is_swept(store: Store) -> None:
    """As a host may have stopped between asking whether it may write and writing."""
    whole_user(store, ADA, random.Random(1))
    late = next(store.scan(SENSOR))
    first = eraser(store, fence=lambda user, digest: False).erase(ADA)
    assert [row.user_id for row in ErasureStore(store).pending()] == [ADA]
    store.write([Insert(SENSOR, late)])
    (second,) = eraser(store).resume()
    assert list(store.scan(SENSOR)) == []
    assert second.parts["sensor"] == first.parts["sensor"] + 1
    assert {each.model_id for each in second.models} == {"own-ada", "all-ada"}
    receipts.verify(second, PUBLIC_KEY)
    assert ErasureStore(store).pending() == []


def test_what_a_backup_brings_back_is_erased_again(store: Store) -> None:
    whole_user(store, ADA, random.Random(1))
    whole_user(store, BOB, random.Random(2))
    saved = {table: list(store.scan(table)) for table in TABLES if table.keyspace != "muvr_keys"}
    before = contents(store)
    eraser(store).erase(ADA)
    for table, rows in saved.items():
        store.write([Insert(table, row) for row in rows if not table.conditional])
    assert list(eraser(store).again([ADA, BOB])) == [ADA]
    check_gone(store, before, ADA)


def test_an_erasure_that_is_asked_for_again_has_the_same_receipt(store: Store) -> None:
    whole_user(store, ADA, random.Random(1))
    assert eraser(store).erase(ADA) == eraser(store).erase(ADA)


def test_receipts_remember_an_erasure_elsewhere(store: Store) -> None:
    """As in a store whose keys come from a backup that is older than the erasure."""
    digest = DataKeyStore(store, MASTER_KEY).digest_of(ADA)
    receipt = msgspec.structs.replace(EMPTY, digest=digest)
    DataKeyStore(store, MASTER_KEY).cipher_of(ADA)
    ErasureStore(store).remember(receipts.signed(receipt, SIGNING_KEY))
    with pytest.raises(Erased):
        DataKeyStore(store, MASTER_KEY).cipher_of(ADA)


@pytest.mark.parametrize("field", ["digest", "begun_ms", "parts", "models", "key_destroyed"])
def test_a_receipt_that_was_altered_is_not_believed(field: str) -> None:
    model = NamedModel(model_id="m", scope="everyone", sensor_set="a@50", is_deleted=False)
    receipt = Receipt(
        digest="d",
        begun_ms=1,
        finished_ms=2,
        key_destroyed=True,
        parts={"s": 1},
        models=[model],
        public_key="",
    )
    signed = receipts.signed(receipt, SIGNING_KEY)
    receipts.verify(receipts.decode(receipts.encode(signed)), PUBLIC_KEY)
    others = {"digest": "e", "begun_ms": 2, "parts": {}, "models": [], "key_destroyed": False}
    with pytest.raises(InvalidArchive, match="signature"):
        receipts.verify(msgspec.structs.replace(signed, **{field: others[field]}), PUBLIC_KEY)


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000, '{"version":1}', "x" * (1 << 21), b"\xff\xfe"])
def test_what_is_no_receipt_is_a_documented_error(text: str | bytes) -> None:
    with pytest.raises(InvalidArchive):
        receipts.decode(text)
