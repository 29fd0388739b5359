"""Writes through the API: they go to the user's actor, are answered when durable, and are stored once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.view import Member, View
from domain.commands import ConfirmLabel
from domain.identifiers import SessionId
from gateway.api.guard import BODY_BYTES_MAX
from gateway.routes import Routes
from persistence.api_tables import API_REQUEST
from persistence.ports import Store
from persistence.profile_tables import MEASUREMENT_BY_USER, PROFILE
from persistence.requests import KEPT_MS, RequestStore
from persistence.tables import JOURNAL, LABEL
from tests.gateway.api_example import START_MS
from tests.gateway.api_rig import Rig, problem_of, rig
from tests.gateway.spoken import opening, squatted

PROFILE_PATH = "/v1/users/alice/profile"
SETS = "/v1/users/alice/sessions/s/sets"
SOMEONE = {"birth_year": 1985, "sex": "female", "height_cm": 170.0, "experience": "novice"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        made.client.headers = made.bearer("alice")  # type: ignore[assignment]
        yield made


def event_count(store: Store) -> int:
    return sum(1 for _ in store.scan(JOURNAL))


def trained(api: Rig, session: str = "s") -> None:
    """Alice's watch has confirmed a set in a session."""
    api.host.tell("alice", opening(session), squatted(session))
    api.now_ms = START_MS + 60_000


def labels(api: Rig) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in api.store.scan(LABEL)]


def test_a_profile_is_stored_before_it_is_answered(api: Rig) -> None:
    empty = api.client.get(PROFILE_PATH)
    assert empty.json()["changed_ms"] == 0
    answer = api.client.put(PROFILE_PATH, json=SOMEONE)
    assert answer.status_code == 200
    (row,) = api.store.scan(PROFILE)
    assert (row.user_id, row.birth_year, row.changed_at) == ("alice", 1985, START_MS)
    again = api.client.get(PROFILE_PATH)
    assert again.json() == answer.json() == SOMEONE | {"in_statistics": False, "changed_ms": START_MS}
    assert again.headers["etag"] == answer.headers["etag"] != empty.headers["etag"]


def test_a_profile_is_replaced_only_if_it_is_the_one_that_was_read(api: Rig) -> None:
    absent = {"If-None-Match": "*"}
    first = api.client.put(PROFILE_PATH, json=SOMEONE, headers=absent)
    assert first.status_code == 200
    api.now_ms += 1
    assert problem_of(api.client.put(PROFILE_PATH, json=SOMEONE, headers=absent), 412)["code"] == "overtaken"
    read = {"If-Match": first.headers["etag"]}
    second = api.client.put(PROFILE_PATH, json=SOMEONE | {"height_cm": 171.0}, headers=read)
    assert second.json()["height_cm"] == 171.0
    api.now_ms += 1
    problem_of(api.client.put(PROFILE_PATH, json=SOMEONE, headers=read), 412)
    assert api.client.get(PROFILE_PATH).json()["height_cm"] == 171.0
    problem_of(api.client.put(PROFILE_PATH, json=SOMEONE, headers={"If-Match": '"mine"'}), 422)


def test_the_same_replacement_again_is_no_conflict_and_stores_nothing(api: Rig) -> None:
    said = SOMEONE | {"at_ms": START_MS}
    first = api.client.put(PROFILE_PATH, json=said, headers={"If-None-Match": "*"})
    stored = event_count(api.store)
    again = api.client.put(PROFILE_PATH, json=said, headers={"If-None-Match": "*"})
    assert again.json() == first.json()
    assert event_count(api.store) == stored


def test_what_was_said_later_elsewhere_is_not_overwritten_silently(api: Rig) -> None:
    api.client.put(PROFILE_PATH, json=SOMEONE | {"at_ms": START_MS + 5000})
    assert "clock" in problem_of(api.client.put(PROFILE_PATH, json=SOMEONE), 409)["remedy"]


def test_what_the_client_has_is_not_sent_again(api: Rig) -> None:
    tag = api.client.put(PROFILE_PATH, json=SOMEONE).headers["etag"]
    for path, known in ((PROFILE_PATH, tag), ("/v1/users", None)):
        known = known or api.client.get(path).headers["etag"]
        same = api.client.get(path, headers={"If-None-Match": f'"other", W/{known}'})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", known)
        assert api.client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"birth_year": 1850}, "birth year"),
        ({"height_cm": 10_000}, "height"),
        ({"sex": "unknown"}, "sex"),
        ({"shoe_size": 42}, "shoe_size"),
        ({"at_ms": -1}, "at_ms"),
        ({"birth_year": 10**30}, "birth"),
    ],
)
def test_what_is_not_a_profile_is_refused_in_words(api: Rig, wrong: dict[str, Any], words: str) -> None:
    problem = problem_of(api.client.put(PROFILE_PATH, json=wrong), 422)
    assert words in str(problem)
    assert event_count(api.store) == 0


def test_measurements_are_pages_newest_first_and_may_be_corrected(api: Rig) -> None:
    path = "/v1/users/alice/measurements"
    for day in range(3):
        body = {"quantity": "body_weight_kg", "value": 80.0 - day, "at_ms": START_MS + day}
        assert api.client.post(path, json=body).status_code == 201
    assert api.client.post(path, json=body | {"value": 77.5}).json() == body | {"value": 77.5}
    api.client.post(path, json={"quantity": "resting_heart_rate_per_minute", "value": 55})
    weights = api.client.get(path, params={"quantity": "body_weight_kg"}).json()
    assert [item["value"] for item in weights["items"]] == [77.5, 79.0, 80.0]
    seen: list[float] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = api.client.get(path, params=params).json()
        seen += [item["value"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == [55.0, 77.5, 79.0, 80.0]
    assert len(list(api.store.scan(MEASUREMENT_BY_USER))) == 4
    problem_of(api.client.get(path, params={"cursor": "mine"}), 422)


def test_a_label_is_corrected_whatever_device_made_it(api: Rig) -> None:
    trained(api)
    said = {"end_ms": START_MS + 40_000, "exercise": "bench_press", "repetitions": 9, "weight_kg": 42.5}
    answer = api.client.put(f"{SETS}/{START_MS}", json=said)
    assert answer.json() == said | {"start_ms": START_MS}
    assert labels(api) == [("alice", "s", START_MS, START_MS + 40_000, "bench_press", 9, 42.5)]
    assert api.client.get("/v1/users/alice/sessions/s").json()["confirmed"] == [answer.json()]


def test_a_correction_that_comes_twice_is_stored_once(api: Rig) -> None:
    trained(api)
    said = {"end_ms": START_MS + 40_000, "exercise": "bench_press", "said_ms": START_MS + 50_000}
    first = api.client.put(f"{SETS}/{START_MS}", json=said)
    stored = event_count(api.store)
    assert api.client.put(f"{SETS}/{START_MS}", json=said).json() == first.json()
    assert event_count(api.store) == stored
    other = problem_of(api.client.put(f"{SETS}/{START_MS}", json=said | {"exercise": "squat"}), 409)
    assert "millisecond" in other["detail"]


def test_the_device_goes_on_after_a_correction(api: Rig) -> None:
    trained(api)
    api.client.put(f"{SETS}/{START_MS}", json={"end_ms": START_MS + 40_000, "exercise": "curl"})
    more = ConfirmLabel(
        session=SessionId("s"),
        command_nr=2,
        start_ms=START_MS + 100_000,
        end_ms=START_MS + 140_000,
        exercise="squat",
        repetitions=10,
        weight_kg=60.0,
    )
    (taken, *_) = [reply for reply in api.host.tell("alice", more) if hasattr(reply, "next_nr")]
    assert taken.next_nr == 3
    assert [row[4] for row in labels(api)] == ["curl", "squat"]


def test_a_set_is_withdrawn(api: Rig) -> None:
    trained(api)
    assert api.client.delete(f"{SETS}/{START_MS}").status_code == 204
    assert labels(api) == []
    problem_of(api.client.delete(f"{SETS}/{START_MS}"), 404)


def test_sets_of_sessions_that_nobody_knows_are_not_corrected(api: Rig) -> None:
    trained(api)
    said = {"end_ms": START_MS + 40_000, "exercise": "squat"}
    problem_of(api.client.put(f"/v1/users/alice/sessions/other/sets/{START_MS}", json=said), 409)
    problem_of(api.client.put(f"{SETS}/{START_MS}", json=said | {"end_ms": START_MS}), 422)


def test_a_session_long_forgotten_is_corrected_while_its_sets_are_remembered(api: Rig) -> None:
    trained(api, "s")
    for number in range(40):
        api.host.tell("alice", opening(f"later-{number}", at_ms=START_MS + number))
    said = {"end_ms": START_MS + 40_000, "exercise": "curl"}
    assert api.client.put(f"{SETS}/{START_MS}", json=said).json()["exercise"] == "curl"
    assert [row[4] for row in labels(api)] == ["curl"]


def test_a_write_with_a_key_is_done_once_and_answered_as_it_was(api: Rig) -> None:
    trained(api)
    weight = {"quantity": "body_weight_kg", "value": 80.0}
    calls: list[tuple[str, str, dict[str, Any] | None]] = [
        ("PUT", PROFILE_PATH, SOMEONE),
        ("POST", "/v1/users/alice/measurements", weight),
        ("PUT", f"{SETS}/{START_MS}", {"end_ms": START_MS + 40_000, "exercise": "curl"}),
        ("DELETE", f"{SETS}/{START_MS}", None),
    ]
    for number, (method, path, body) in enumerate(calls):
        key = {"Idempotency-Key": f"k-{number}"}
        first = api.client.request(method, path, json=body, headers=key)
        assert first.status_code < 300
        stored = event_count(api.store)
        api.now_ms += 1000
        again = api.client.request(method, path, json=body, headers=key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers.get("etag") == first.headers.get("etag")
        assert event_count(api.store) == stored


def test_a_key_is_of_one_request_and_of_one_caller(api: Rig) -> None:
    key = {"Idempotency-Key": "k"}
    api.client.put(PROFILE_PATH, json=SOMEONE, headers=key)
    other = api.client.put(PROFILE_PATH, json=SOMEONE | {"height_cm": 180.0}, headers=key)
    assert problem_of(other, 422)["code"] == "key_reused"
    bob = api.client.put("/v1/users/bob/profile", json=SOMEONE, headers=key | api.bearer("bob"))
    assert bob.status_code == 200
    problem_of(api.client.put(PROFILE_PATH, json=SOMEONE, headers={"Idempotency-Key": "a b"}), 422)


def test_what_was_done_but_not_answered_is_done_again_as_of_then(api: Rig) -> None:
    """The process died between the two: the row says when the request came, and not what was answered."""
    key = {"Idempotency-Key": "k"}
    first = api.client.put(PROFILE_PATH, json=SOMEONE, headers=key)
    (row,) = api.store.scan(API_REQUEST)
    assert api.store.compare_and_set(API_REQUEST, row, row._replace(status=None, tag=None, answer=None))
    stored = event_count(api.store)
    api.now_ms += 1000
    again = api.client.put(PROFILE_PATH, json=SOMEONE, headers=key)
    assert again.json() == first.json()
    assert event_count(api.store) == stored


def test_keys_are_forgotten_after_a_day(api: Rig) -> None:
    api.client.put(PROFILE_PATH, json=SOMEONE, headers={"Idempotency-Key": "k"})
    requests = RequestStore(api.store)
    requests.purge(api.now_ms + KEPT_MS)
    assert len(list(api.store.scan(API_REQUEST))) == 1
    requests.purge(api.now_ms + KEPT_MS + 1)
    assert list(api.store.scan(API_REQUEST)) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"\\ud800": 1}',
        b'{"sex": "\\ud800"}',
        b'{"birth_year": 1' + b"0" * 400 + b"}",
        b'{"birth_year": 1' + b"0" * 5000 + b"}",
        b'{"height_cm": 1e999}',
        b'{"height_cm": NaN}',
        b"[" * 100_000,
        b"\xff",
        b"null",
    ],
)
def test_whatever_a_body_is_it_is_refused_in_words(api: Rig, body: bytes) -> None:
    answer = api.client.put(PROFILE_PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"]


def test_a_body_is_bounded(api: Rig) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(2):
            yield b" " * (BODY_BYTES_MAX // 2 + 1)

    whole = b" " * (BODY_BYTES_MAX + 1)
    for content in (whole, chunks()):
        problem_of(api.client.put(PROFILE_PATH, content=content), 413)


def test_a_user_of_a_node_without_an_api_is_not_written(api: Rig) -> None:
    api.host.commands.reroute(Routes({"here"}, View(2, (Member("there", "1", "ws://there"),))))
    assert problem_of(api.client.put(PROFILE_PATH, json=SOMEONE), 503)["retry"] is True
    assert event_count(api.store) == 0


def test_without_actors_writes_say_so_and_reads_go_on(tmp_path: Path) -> None:
    with rig(tmp_path) as api:
        api.host.commands._queue = None
        alice = api.bearer("alice")
        problem_of(api.client.put(PROFILE_PATH, json=SOMEONE, headers=alice), 503)
        assert api.client.get("/v1/users", headers=alice).status_code == 200


def test_a_page_of_another_host_sends_nothing_where_no_token_is_asked_for(tmp_path: Path) -> None:
    with rig(tmp_path, with_tokens=False) as api:
        for origin in ("https://evil.example", "null"):
            foreign = api.client.put(PROFILE_PATH, json=SOMEONE, headers={"Origin": origin})
            problem_of(foreign, 421)
        own = api.client.put(PROFILE_PATH, json=SOMEONE, headers={"Origin": "http://127.0.0.1:8080"})
        assert own.status_code == 200
