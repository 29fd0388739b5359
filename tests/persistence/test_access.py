"""Who looked at whose data is added, never changed, and read newest first."""

from __future__ import annotations

from persistence.access import EVERYONE, AccessStore
from persistence.ports import Store


def test_looks_at_a_user_and_at_everyone_come_newest_first(store: Store) -> None:
    accesses = AccessStore(store)
    for at_ms, user in ((1, "ada"), (3, "ada"), (2, EVERYONE), (4, "bob"), (3, "ada")):
        accesses.record(user, "eve", "operator", "GET /v1/users", "support", at_ms)
    assert [row.accessed_at for row in accesses.of("ada")] == [3, 3, 2, 1]
    assert [row.accessed_at for row in accesses.of("ada", until_ms=2)] == [2, 1]
    assert [row.accessed_at for row in accesses.of("ada", limit=1)] == [3]
    assert [row.accessed_at for row in accesses.of("bob")] == [4, 2]
    first = next(accesses.of("bob"))
    assert (first.who, first.scope, first.what, first.why) == ("eve", "operator", "GET /v1/users", "support")
