"""`muvr users`, `backup`, `restore`, `retention`: what they print, also while a node runs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from websockets.sync.client import ClientConnection, connect

from cli.main import main
from cli.settings import NodeSettings
from cli.wiring import night_steps, open_tokens
from domain.identifiers import UserId
from persistence.erasure import ErasureStore
from persistence.receipts import decode
from persistence.retention import Policy
from persistence.sqlite import SqliteStore
from persistence.tables import SENSOR, TABLES
from tests.cluster.node import MuvrNode
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.whole_users import PSEUDONYM_KEY, whole_user

Run = Callable[..., tuple[int, str, str]]
ADA, BOB = UserId("ada"), UserId("bob")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A node's directory with two users."""
    keys = tmp_path / "data" / "keys"
    keys.mkdir(parents=True)
    (keys / "master.key").write_bytes(MASTER_KEY)
    (keys / "pseudonyms.key").write_bytes(PSEUDONYM_KEY)
    store = SqliteStore(tmp_path / "data" / "store")
    whole_user(store, ADA, random.Random(1))
    whole_user(store, BOB, random.Random(2))
    store.close()
    return tmp_path / "data"


@pytest.fixture
def muvr(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(data.parent)

    def run(*arguments: str, on: Path = data) -> tuple[int, str, str]:
        status = main([*arguments, "--data", str(on)])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def said(outcome: tuple[int, str, str]) -> Any:
    status, out, err = outcome
    assert status == 0, err
    return json.loads(out)


def named(data: Path, name: str) -> list[Any]:
    store = SqliteStore(data / "store")
    found = [row for table in TABLES for row in store.scan(table) if name in map(str, row)]
    store.close()
    return found


def test_a_user_is_taken_to_another_installation(muvr: Run, data: Path, tmp_path: Path) -> None:
    told = said(muvr("users", "export", "ada", "--json", "--why", "she asked"))
    assert told["file"] == "ada.zip"
    other = tmp_path / "other"
    (other / "keys").mkdir(parents=True)
    (other / "keys" / "master.key").write_bytes(b"o" * 32)
    SqliteStore(other / "store").close()
    assert said(muvr("users", "import", "ada.zip", "--json", on=other))["user"] == "ada"
    assert muvr("users", "check", "ada", on=other)[0] == 0
    status, _, err = muvr("users", "import", "ada.zip", on=other)
    assert status == 1
    assert "--as" in err
    assert muvr("users", "import", "ada.zip", "--as", "eve", on=other)[0] == 0
    accesses = said(muvr("users", "audit", "ada", "--json"))["accesses"]
    assert [(each["what"], each["why"]) for each in accesses[:1]] == [("muvr users export", "she asked")]


def test_nothing_is_left_of_an_export_that_fails(muvr: Run, tmp_path: Path) -> None:
    assert muvr("users", "export", "nobody")[0] == 1
    assert not list(tmp_path.glob("nobody*"))


def test_a_user_is_erased_and_the_receipt_can_be_checked(muvr: Run, data: Path) -> None:
    status, _, err = muvr("users", "erase", "ada")
    assert (status, "--yes" in err) == (1, True), "nobody is there to ask"
    told = said(muvr("users", "erase", "ada", "--yes", "--json"))
    assert not named(data, "ada")
    assert named(data, "bob")
    receipt = Path(told["file"])
    assert said(muvr("users", "receipt", str(receipt), "--user", "ada", "--json"))["is_right"]
    assert muvr("users", "receipt", str(receipt), "--user", "bob")[0] == 1
    assert muvr("users", "receipt", str(receipt), "--public-key", told["public_key"])[0] == 0
    assert muvr("users", "receipt", str(receipt), "--public-key", "00" * 32)[0] == 1
    receipt.write_text(receipt.read_text().replace('"key_destroyed": true', '"key_destroyed": false'))
    assert muvr("users", "receipt", str(receipt))[0] == 1
    assert muvr("users", "erase", "--pending")[1].startswith("there is nothing")


def test_a_backup_does_not_bring_an_erased_user_back(muvr: Run, data: Path, tmp_path: Path) -> None:
    saved, keys = str(tmp_path / "saved"), str(tmp_path / "keys")
    told = said(muvr("backup", saved, "--keys-to", keys, "--json"))
    assert {"master.key", "pseudonyms.key"} <= set(told["keys"])
    assert muvr("backup", saved)[0] == 1, "it is there already"
    assert muvr("backup", str(tmp_path / "new"), "--keys-to", str(tmp_path / "new" / "keys"))[0] == 1
    assert muvr("users", "erase", "ada", "--yes")[0] == 0
    assert said(muvr("restore", saved, "--json"))["erased_again"] == ["ada"]
    assert said(muvr("restore", saved, "--keys-from", keys, "--json"))["erased_again"] == ["ada"]
    assert not named(data, "ada")
    assert muvr("users", "check", "bob")[0] == 0


def test_what_is_too_old_is_told_and_then_deleted(muvr: Run, data: Path) -> None:
    dry = said(muvr("retention", "--keep-sensor-days", "30", "--dry-run", "--json"))
    assert dry["deleted"]["sensor"] > 0
    assert "of sensor" in muvr("retention", "--keep-sensor-days", "30", "--dry-run")[1]
    assert said(muvr("retention", "--keep-sensor-days", "30", "--json"))["deleted"] == dry["deleted"]
    assert said(muvr("retention", "--keep-sensor-days", "30", "--json"))["deleted"] == {}
    assert muvr("retention", "--keep-journal-days", "30")[0] == 1


def test_the_night_begins_with_it(tmp_path: Path) -> None:
    settings = NodeSettings(data=tmp_path, retention=Policy(sensor_days=365, audit_days=90))
    first, second, *_ = night_steps(settings)
    assert (first.name, second.name) == ("retention", "batch")
    words = " ".join(first.argv)
    assert "retention --keep-sensor-days 365 --keep-audit-days 90 --json-progress" in words


class Watch:
    """A device of ada's, over a real connection."""

    def __init__(self, url: str, data: Path) -> None:
        token = open_tokens(NodeSettings(data=data)).issue(UserId("carol"), "device", 600)
        self._socket: ClientConnection = connect(url)
        assert self.ask(type="hello", version=1, token=token, device="watch")["type"] == "welcome"

    def ask(self, **message: Any) -> dict[str, Any]:
        self._socket.send(msgpack.packb(message))
        answer: dict[str, Any] = msgpack.unpackb(self._socket.recv(timeout=60))
        return answer

    def open(self, session: str) -> dict[str, Any]:
        streams = [["a", "a", "wrist"]]
        return self.ask(
            type="open", session=session, nr=0, at_ms=1_790_000_000_000, recogniser="server", streams=streams
        )

    def frame(self, session: str, number: int) -> dict[str, Any]:
        at = {"start_ms": 1_790_000_000_000 + 1000 * number, "rate_hz": 50.0, "scale": 0.001}
        samples = bytes(2 * 3 * 50)
        return self.ask(
            type="frame", session=session, stream="a", nr=number, sensor="a", samples=samples, **at
        )


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MuvrNode]:
    made = MuvrNode(tmp_path / "node", [])
    made.begin()
    made.wait_until_up()
    yield made
    made.kill()


def test_beside_a_running_node_with_the_user_live(node: MuvrNode, muvr: Run, tmp_path: Path) -> None:
    """The node lets go of the user, refuses what the device goes on sending, and stores nothing of it."""
    watch = Watch(node.url, node.directory)
    assert watch.open("s")["type"] == "ack"
    assert watch.frame("s", 0)["type"] == "ack"
    consent = said(
        muvr("users", "consent", "carol", "--training", "yes", "--url", node.url, "--json", on=node.directory)
    )
    assert (consent["training"], consent["recognition"]) == (True, True)
    assert muvr("backup", str(tmp_path / "saved"), on=node.directory)[0] == 0
    assert muvr("restore", str(tmp_path / "saved"), on=node.directory)[0] == 1, "a node runs"
    receipt = said(muvr("users", "erase", "carol", "--yes", "--json", on=node.directory))
    assert receipt["key_destroyed"]
    assert receipt["parts"]["sensor"] == 1
    refused = watch.frame("s", 1)
    while refused["type"] != "error":
        refused = watch.frame("s", 1)
    assert (refused["code"], refused["retry"]) == ("erased", False)
    assert watch.open("t")["code"] == "erased"
    store = SqliteStore(node.directory / "store")
    assert not list(store.scan(SENSOR))
    assert ErasureStore(store).pending() == []
    store.close()
    assert not named(node.directory, "carol")
    assert decode(Path(receipt["file"]).read_bytes()).digest == receipt["digest"]
