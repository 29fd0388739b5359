"""`muvr read-models` and `muvr users check` as an operator meets them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import readmodels
from cli.main import main
from domain.identifiers import UserId
from persistence import rebuild
from persistence.ports import Delete, Insert
from persistence.rebuild import ReadModels
from persistence.secret_files import load_or_make_key
from persistence.sqlite import SqliteStore
from persistence.tables import DATA_KEY, JOURNAL, LABEL, SESSION_BY_USER
from tests.persistence.histories import history, projection, written

USERS = [UserId(f"user-{number}") for number in range(5)]


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of a node that served USERS."""
    monkeypatch.setattr(rebuild, "SETTLE_SECONDS", 0.0)
    key = load_or_make_key(tmp_path / "keys" / "master.key")
    store = SqliteStore(tmp_path / "store")
    for user in USERS:
        events = history(random.Random(user), 30)
        store.write([*written(store, user, events, key=key), *projection(user, events)])
    store.close()
    return tmp_path


@pytest.fixture
def store(node: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(node / "store")
    yield store
    store.close()


def told(capsys: pytest.CaptureFixture[str], node: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and what was printed as JSON."""
    status = main([*arguments, "--data", str(node), "--json"])
    return status, json.loads(capsys.readouterr().out)


def lose_sessions(store: SqliteStore) -> None:
    for user in USERS[:2]:
        store.write([Delete(SESSION_BY_USER, (user,))])


def test_a_healthy_store_is_right(node: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read-models", "check", "--data", str(node)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{len(USERS)} users, {30 * len(USERS)} events, ")
    assert printed.out.endswith("every row that was compared is right\n")
    assert printed.err == ""


def test_check_counts_and_rebuild_mends(
    node: Path, store: SqliteStore, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(store.scan(SESSION_BY_USER))
    lose_sessions(store)
    missing = len(before) - len(list(store.scan(SESSION_BY_USER)))
    status, found = told(capsys, node, "read-models", "check")
    assert (status, found["is_right"], found["missing"]) == (1, False, {"session_by_user": missing})
    assert found["mended_users"] == 0
    assert "SELECT * FROM session_by_user WHERE user_id='user-" in found["examples"][0]["select"]
    status, found = told(capsys, node, "read-models", "rebuild")
    assert (status, found["mended_users"], found["missing"]) == (0, 2, {"session_by_user": missing})
    assert list(store.scan(SESSION_BY_USER)) == before
    assert told(capsys, node, "read-models", "rebuild")[1]["mended_users"] == 0


def test_words_for_people(node: Path, store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    label = next(store.scan(LABEL))
    store.write([Insert(LABEL, label._replace(exercise="nonsense"))])
    assert main(["read-models", "check", "--data", str(node)]) == 1
    words = capsys.readouterr().out
    assert "label: 1 different" in words
    assert (
        f"user_id='{label.user_id}' AND session_id='{label.session_id}' AND start_at={label.start_at}"
        in words
    )
    assert "nonsense" in words
    assert main(["read-models", "rebuild", "--data", str(node)]) == 0
    assert capsys.readouterr().out.endswith("1 users were mended\n")


def test_one_user_alone(node: Path, store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    lose_sessions(store)
    status, found = told(capsys, node, "read-models", "rebuild", "--user", USERS[0])
    assert (status, found["users"], found["mended_users"]) == (0, 1, 1)
    assert told(capsys, node, "read-models", "check", "--user", USERS[0])[0] == 0
    assert told(capsys, node, "read-models", "check", "--user", USERS[1])[0] == 1


def test_broken_users_are_told_with_row_and_remedy(
    node: Path, store: SqliteStore, capsys: pytest.CaptureFixture[str]
) -> None:
    row = list(store.read(JOURNAL, (USERS[0], 0)))[6]
    store.write([Insert(JOURNAL, row._replace(event=b"\x01")), Delete(DATA_KEY, (USERS[1],))])
    store.write([Delete(SESSION_BY_USER, (user,)) for user in USERS])
    assert main(["read-models", "rebuild", "--data", str(node)]) == 1
    printed = capsys.readouterr()
    assert "user-0: event 7 (epoch 1) of user 'user-0' was altered" in printed.err
    assert "persistence_id='user-0' AND partition_nr=0 AND sequence_nr=7 AND writer_epoch=1" in printed.err
    assert "user-1: user 'user-1' has a journal and no data key; restore" in printed.err
    assert "2 users could not be compared" in printed.out
    assert "3 users were mended" in printed.out


def test_only_so_many_broken_users_are_told(
    node: Path, store: SqliteStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodels, "BROKEN_TOLD_MAX", 2)
    store.write([Delete(DATA_KEY, (user,)) for user in USERS])
    status, found = told(capsys, node, "read-models", "check")
    assert (status, found["broken_users"], len(found["broken"])) == (1, len(USERS), 2)
    assert main(["read-models", "check", "--data", str(node)]) == 1
    assert "further broken users are only counted" in capsys.readouterr().err


def test_progress_and_a_clean_end_by_ctrl_c(
    node: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ReadModels.outcomes

    def interrupted(self: ReadModels, users: Any, *, mend: bool) -> Iterator[Any]:
        yield next(whole(self, users, mend=mend))
        raise KeyboardInterrupt

    monkeypatch.setattr(ReadModels, "outcomes", interrupted)
    monkeypatch.setattr(readmodels, "TELL_SECONDS", 0.0)
    assert main(["read-models", "check", "--data", str(node)]) == 130
    progress, stopped = capsys.readouterr().err.splitlines()
    assert progress.startswith("1 of 5 users found so far, 100% of the journal listed, ")
    assert stopped.startswith("stopped: 1 of 5 users")


@pytest.mark.parametrize(
    "command", [["read-models", "check"], ["read-models", "rebuild"], ["users", "check", "ada"]]
)
@pytest.mark.parametrize("missing", ["store", "keys"])
def test_nothing_is_made_where_there_is_no_node(
    node: Path, command: list[str], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"store": ["--store", f"sqlite:{node / 'other'}"], "keys": ["--keys", str(node / "other")]}[
        missing
    ]
    assert main([*command, "--data", str(node), *options]) == 1
    assert str(node / "other") in capsys.readouterr().err
    assert not (node / "other").exists()


def test_what_is_stored_of_a_user(node: Path, store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["users", "check", USERS[0], "--data", str(node)]) == 0
    words = capsys.readouterr().out
    assert "data key  opens" in words
    assert "journal   30 rows, of which 30 count" in words
    assert "all that counts can be read" in words
    row = list(store.read(JOURNAL, (USERS[0], 0)))[6]
    store.write([Insert(JOURNAL, row._replace(event=b"\x01"))])
    assert main(["users", "check", USERS[0], "--data", str(node)]) == 1
    assert "BROKEN: event 7 (epoch 1) was altered" in capsys.readouterr().out
    status, found = told(capsys, node, "users", "check", USERS[0])
    assert (status, found["is_sound"], found["highest_nr"], len(found["faults"])) == (1, False, 30, 1)
    assert main(["users", "check", "eve", "--data", str(node)]) == 1
    assert "nothing is stored of user 'eve'" in capsys.readouterr().err
