"""Consent, export, erasure and the audit log over HTTP; whoever looks at another's data is written down."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.access import OF_EVERYONE, ROUTES, Relation
from gateway.auth import SCOPES
from persistence import receipts
from persistence.access import EVERYONE
from persistence.privacy_tables import ACCESS
from persistence.tables import TABLES
from tests.gateway.api_example import START_MS, fill
from tests.gateway.api_rig import Rig, problem_of, rig
from tests.gateway.spoken import opening
from tests.gateway.test_api_access import STREAMS, call

CONSENT = {"recognition": True, "statistics": False, "training": True}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        fill(made.store)
        yield made


def looks(api: Rig) -> list[tuple[str, str, str, str]]:
    return [(row.user_id, row.who, row.scope, row.what) for row in api.store.scan(ACCESS)]


@pytest.mark.parametrize("name", sorted(set(ROUTES) - STREAMS))
def test_whoever_looks_at_what_is_anothers_is_written_down_and_nobody_else(api: Rig, name: str) -> None:
    """Over the whole table: of each scope that reaches others' things."""
    shows_users = "{user}" in name or name in OF_EVERYONE
    for scope, relation in ROUTES[name].items():
        call(api, name, "alice", api.bearer("alice", scope))
        own = [look for look in looks(api) if look[0] != EVERYONE]
        assert own == [], "who looks at what is their own"
        if relation is Relation.ANY:
            before = looks(api)
            answer = call(api, name, "alice", api.bearer("eve", scope) | {"X-Reason": "support"})
            new = [look for look in looks(api) if look not in before]
            if answer.status_code == 410 or not shows_users:
                assert new == []
            elif name != "DELETE /v1/users/{user}":  # the log goes with the user
                assert new == [("alice" if "{user}" in name else EVERYONE, "eve", scope, name)]
    assert {scope for rule in ROUTES.values() for scope in rule} <= set(SCOPES)


def test_everything_that_shows_users_is_known_to_the_log() -> None:
    """A route without a user in it that reaches everyone's things is of everyone, or about programs."""
    others = {name for name, rule in ROUTES.items() if Relation.ANY in rule.values() and "{user}" not in name}
    reading = {name for name in others if name.startswith("GET ")}
    words = ("models", "nights", "cluster", "load", "exercises", "metrics")
    about_programs = {name for name in reading if set(name.split("/")) & set(words)}
    assert reading == OF_EVERYONE | about_programs
    assert not OF_EVERYONE & about_programs


def test_a_user_reads_who_looked_and_why(api: Rig) -> None:
    operator = api.bearer("eve", "operator")
    for number in range(3):
        api.now_ms += 1000 * number
        api.client.get("/v1/users/alice/sessions", headers=operator | {"X-Reason": f"ticket {number}"})
    api.client.get("/v1/users", headers=operator)
    page = api.client.get("/v1/users/alice/accesses?limit=2", headers=api.bearer("alice")).json()
    rest = api.client.get(
        f"/v1/users/alice/accesses?cursor={page['next_cursor']}", headers=api.bearer("alice")
    ).json()
    found = [*page["items"], *rest["items"]]
    assert sorted(each["why"] for each in found) == ["", "ticket 0", "ticket 1", "ticket 2"]
    assert [each["of_everyone"] for each in found].count(True) == 1
    assert {each["who"] for each in found} == {"eve"}
    bad = api.client.get("/v1/users/alice/accesses?cursor=x", headers=api.bearer("alice"))
    problem_of(bad, 422)


def test_consent_is_said_and_read(api: Rig) -> None:
    alice = api.bearer("alice")
    first = api.client.get("/v1/users/alice/consent", headers=alice).json()
    assert first == {"recognition": True, "statistics": False, "training": False, "at_ms": 0}
    said = api.client.put("/v1/users/alice/consent", json=CONSENT, headers=alice)
    assert said.json() == CONSENT | {"at_ms": START_MS}
    assert api.client.get("/v1/users/alice/consent", headers=alice).json() == said.json()
    later = CONSENT | {"training": False, "at_ms": START_MS - 1}
    overtaken = api.client.put("/v1/users/alice/consent", json=later, headers=alice)
    assert overtaken.json() == said.json(), "what was said later holds"


def test_a_user_takes_everything_along(api: Rig) -> None:
    api.host.tell("carol", opening("s", recogniser="server"))
    answer = api.client.get("/v1/users/carol/export", headers=api.bearer("carol"))
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert json.loads(archive.read("events.jsonl").splitlines()[0])["event"]["is"] == "session_opened"
    problem_of(api.client.get("/v1/users/nobody/export", headers=api.bearer("nobody")), 422)


def test_an_erased_user_is_gone_for_everyone(api: Rig) -> None:
    carol = api.bearer("carol")
    api.host.tell("carol", opening("s", recogniser="server"))
    answer = api.client.delete("/v1/users/carol", headers=carol | {"Idempotency-Key": "k"})
    receipt = receipts.decode(answer.content)
    receipts.verify(receipt, bytes.fromhex(receipt.public_key))
    assert receipt.key_destroyed
    for headers in (carol, api.bearer("eve", "operator")):
        problem = problem_of(api.client.get("/v1/users/carol/sessions", headers=headers), 410)
        assert problem["code"] == "erased"
    assert not [row for table in TABLES for row in api.store.scan(table) if "carol" in map(str, row)]


def test_an_api_without_keys_says_where_to_go(api: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.client.app.state.services.privacy, "_keys", None)  # type: ignore[attr-defined]
    problem_of(api.client.delete("/v1/users/alice", headers=api.bearer("alice")), 404)
    problem_of(api.client.get("/v1/users/alice/export", headers=api.bearer("alice")), 404)
