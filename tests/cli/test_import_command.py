"""`muvr import` and `muvr export` through whole nodes: stored once, however often it is imported."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from cli.delivery import Delivery
from cli.imports.target import Target, running_urls
from cli.main import main
from cli.settings import NodeSettings
from cli.wiring import open_tokens, running_node
from domain.errors import StoredValueCorrupt
from domain.identifiers import SessionId, StreamId, UserId
from edge.client import DeviceClient
from exchange.names import Names
from exchange.planning import plan
from exchange.reading import Clock, read
from exchange.recorded import begin
from exchange.written import Written
from persistence.exercises import ExerciseStore
from persistence.inspection import inspect
from persistence.keys import DataKeyStore
from persistence.location import open_store
from persistence.secret_files import load_or_make_key
from persistence.sensors import SensorStore
from persistence.tables import LABEL, SESSION_BY_USER
from tests.cli.made_recordings import make

SAMPLES = Path(__file__).parents[1] / "exchange" / "samples"
STRONG, HEVY, TCX = SAMPLES / "strong.csv", SAMPLES / "hevy.csv", SAMPLES / "watch.tcx"
ANNA = UserId("anna")

Capsys = pytest.CaptureFixture[str]


def imported(capsys: Capsys, data: Path, *arguments: object, status: int = 0) -> dict[str, Any]:
    """The summary of an import, which has to end with `status`."""
    done = main(["import", *map(str, arguments), "--user", "anna", "--data", str(data), "--json"])
    told = capsys.readouterr()
    assert done == status, told.err
    found: dict[str, Any] = json.loads(told.out)
    return found


def stored(data: Path, user: UserId = ANNA) -> dict[str, list[tuple[str, int | None, float | None]]]:
    """Labels by session."""
    store = open_store(f"sqlite:{data / 'store'}")
    try:
        return {
            row.session_id: [
                (label.exercise, label.repetitions, label.weight_kg)
                for label in store.read(LABEL, (user, row.session_id))
            ]
            for row in store.read(SESSION_BY_USER, (user,))
        }
    finally:
        store.close()


def events(data: Path) -> int:
    """How many events the journal has of anna, all of which can be read."""
    store = open_store(f"sqlite:{data / 'store'}")
    try:
        found = inspect(store, DataKeyStore(store, load_or_make_key(data / "keys" / "master.key")), ANNA)
    except StoredValueCorrupt as error:
        raise AssertionError(error) from error
    finally:
        store.close()
    assert found.is_sound
    return found.counting_rows


def test_importing_again_and_with_more_stores_nothing_twice(tmp_path: Path, capsys: Capsys) -> None:
    data = tmp_path / "node"
    dry = imported(capsys, data, STRONG, HEVY, "--dry-run")
    assert dry["new"] == {"sessions": 3, "sets": 6, "heart_rates": 0}
    assert not data.exists()
    first = imported(capsys, data, STRONG)
    assert len(first["taken_sessions"]) == 2
    once = events(data)
    again = imported(capsys, data, STRONG, HEVY, TCX, STRONG, status=3)
    assert again["known_sessions"] == 2
    assert sorted(name.partition("-")[0] for name in again["taken_sessions"]) == ["hevy", "tcx"]
    assert again["files"][2]["left_out_count"] == 2
    assert [sets for name, sets in stored(data).items() if name.startswith("strong")] == [
        [("back-squat", 5, 100.0), ("plank", None, None)],
        [("bench-press", 10, 40.0), ("bench-press", 8, 80.5)],
    ]
    more = events(data)
    assert more > once
    assert imported(capsys, data, STRONG, HEVY, TCX, status=3)["new"]["sessions"] == 0
    assert events(data) == more


def test_many_sessions_are_known_though_the_state_remembers_some(tmp_path: Path, capsys: Capsys) -> None:
    header = STRONG.read_text().partition("\n")[0]
    rows = [
        f"{number};2024-{1 + number // 28:02}-{1 + number % 28:02} 18:00:00;A;600;Plank;1;;;;;60;;"
        for number in range(300)
    ]
    file = tmp_path / "many.csv"
    file.write_text("\n".join([header, *rows]))
    data = tmp_path / "node"
    assert len(imported(capsys, data, file)["taken_sessions"]) == 300
    once = events(data)
    again = imported(capsys, data, file)
    assert (again["known_sessions"], again["taken_sessions"]) == (300, [])
    assert events(data) == once


def test_a_running_node_is_found_and_written_through(tmp_path: Path, capsys: Capsys) -> None:
    settings = NodeSettings(data=tmp_path, gateway_port=0, api_port=0, night_cron=None, shard_hosts=1)
    assert running_urls(settings) == ()
    with running_node(settings) as running:
        assert running_urls(settings) == (f"ws://127.0.0.1:{running.gateway_port}",)
        imported(capsys, tmp_path, STRONG)
        remote = [
            "--url",
            f"ws://127.0.0.1:{running.gateway_port}",
            "--api",
            f"http://127.0.0.1:{running.api_port}",
        ]
        token = open_tokens(settings).issue(ANNA, "user", 3600)
        elsewhere = imported(capsys, tmp_path / "none", STRONG, HEVY, *remote, "--token", token)
        assert elsewhere["known_sessions"] == 2
        assert len(elsewhere["taken_sessions"]) == 1
        wrong = main(["import", str(STRONG), "--user", "anna", *remote, "--token", "no-token"])
        assert wrong == 1
        assert "--token" in capsys.readouterr().err
    assert running_urls(settings) == ()
    assert len(stored(tmp_path)) == 3


def test_recordings_come_with_their_samples_and_once(tmp_path: Path, capsys: Capsys) -> None:
    recordings = make(tmp_path / "gym", sessions=(("ann", "mon"),))
    data = tmp_path / "node"
    for taken in (1, 0):
        told = imported(capsys, data, recordings, "--start", "2026-11-01 18:00")
        assert len(told["taken_sessions"]) == taken
    ((session, labels),) = stored(data).items()
    assert [label[0] for label in labels] == ["curl", "press"]
    store = open_store(f"sqlite:{data / 'store'}")
    frames = list(SensorStore(store).frames(ANNA, SessionId(session), StreamId("a")))
    store.close()
    assert sum(frame.sample_count for frame in frames) == 50 * (3 * 12 + 2 * 16)


def test_what_nobody_knows_is_described_kept_or_left_out(tmp_path: Path, capsys: Capsys) -> None:
    file, data = tmp_path / "strong.csv", tmp_path / "node"
    file.write_text(STRONG.read_text().replace("Plank", "Plank Deluxe"))
    names = tmp_path / "names.csv"
    names.write_text("name,exercise,primary,movement\nPlank Deluxe,plank-deluxe,core,core\n")
    dry = imported(capsys, data, file, "--dry-run", status=3)
    assert dry["files"][0]["unknown_exercises"] == [{"name": "Plank Deluxe", "sets": 1, "line": 6}]
    imported(capsys, data, file, "--names", names)
    store = open_store(f"sqlite:{data / 'store'}")
    described = [(user, each.name) for user, each in ExerciseStore(store).contributed()]
    store.close()
    assert described == [("anna", "plank-deluxe")]
    assert ("plank-deluxe", None, None) in [label for labels in stored(data).values() for label in labels]


def test_what_is_exported_is_imported_as_it_was(tmp_path: Path, capsys: Capsys) -> None:
    settings = NodeSettings(
        data=tmp_path / "node", gateway_port=0, api_port=0, night_cron=None, shard_hosts=1
    )
    place = ["--data", str(settings.data), "--json"]
    with running_node(settings):
        imported(capsys, settings.data, STRONG)
        for form in ("csv", "fit", "tcx"):
            out = tmp_path / ("out.csv" if form == "csv" else form)
            assert main(["export", "--user", "anna", "--format", form, "--out", str(out), *place]) == 0
            written = json.loads(capsys.readouterr().out)
            assert (written["sessions"], written["sets"]) == (2, 4)
            assert main(["import", *written["files"], "--user", form, *place]) == 0
            capsys.readouterr()
            since = ["--since", "2026-09-21", "--out", str(tmp_path / f"since-{form}")]
            assert main(["export", "--user", "anna", "--format", form, *since, *place]) == 0
            assert json.loads(capsys.readouterr().out)["sessions"] == 1
            assert list(stored(settings.data, UserId(form)).values()) == list(stored(settings.data).values())


def test_an_import_that_was_broken_off_goes_on_where_it_was(tmp_path: Path, capsys: Capsys) -> None:
    settings = NodeSettings(data=tmp_path, gateway_port=0, api_port=0, night_cron=None, shard_hosts=1)
    clock = Clock(zone=UTC)
    session = plan(read(STRONG.read_bytes(), "strong.csv", clock), Names(), keep_unknown=False).sessions[0]
    with running_node(settings) as running:
        url = f"ws://127.0.0.1:{running.gateway_port}"
        token = open_tokens(settings).issue(ANNA, "device", 3600)
        asyncio.run(begun(Target(urls=(url,), token=token), session))
        assert stored(tmp_path) == {session.session: [("bench-press", 10, 40.0)]}
        told = imported(capsys, tmp_path, STRONG)
        assert session.session in told["taken_sessions"]
    assert stored(tmp_path)[session.session] == [("bench-press", 10, 40.0), ("bench-press", 8, 80.5)]
    assert events(tmp_path) == 2 * len(told["taken_sessions"]) + 4  # opened and closed, and four sets


async def begun(target: Target, session: Written) -> None:
    """The session with its first set, acknowledged but not closed."""
    client = DeviceClient(target.token, "import-strong")
    async with Delivery(client, target.urls[0], lambda _: None, "seed") as delivery:
        begin(client, session)
        first = session.sets[0]
        client.label(
            session.session, first.start_ms, first.end_ms, first.exercise, first.repetitions, first.weight_kg
        )
        delivery.changed()
        await delivery.until(lambda: client.is_idle, "nothing is acknowledged")


def test_words_say_lines_and_reasons(tmp_path: Path, capsys: Capsys) -> None:
    file = tmp_path / "strong.csv"
    file.write_text(STRONG.read_text().replace(";100;5", ";99999;5").replace("Plank", "Plank Deluxe"))
    status = main(["import", str(file), "--user", "anna", "--data", str(tmp_path / "node"), "--dry-run"])
    told = capsys.readouterr().out
    assert status == 3
    assert "line 5: left out: 99999 kg: expected 0 to 1000 kg" in told
    assert "line 6: nobody knows the exercise 'Plank Deluxe'" in told
    assert "nothing was stored (--dry-run)" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/nowhere.csv"], "/nowhere.csv: No such file"),
        ([str(STRONG), "--time-zone", "Nowhere/City"], "no time zone 'Nowhere/City'"),
        ([str(STRONG), "--url", "ws://127.0.0.1:1"], "--url without --api and --token"),
        ([str(SAMPLES / "strong_ios.csv")], "say it with --weight-unit"),
        ([str(SAMPLES / "laughs.gpx")], "defines entities"),
        ([str(SAMPLES)], "say it with --start"),
        ([str(STRONG), "--names", str(HEVY)], "hevy.csv, line 3"),
    ],
)
def test_what_cannot_be_imported_says_why_and_stores_nothing(
    arguments: list[str], words: str, tmp_path: Path, capsys: Capsys
) -> None:
    data = tmp_path / "node"
    assert main(["import", *arguments, "--user", "anna", "--data", str(data)]) == 1
    assert words in capsys.readouterr().err
    assert not data.exists()


def test_an_export_of_nobody_and_to_nowhere_says_why(tmp_path: Path, capsys: Capsys) -> None:
    assert main(["export", "--user", "anna", "--format", "csv", "--data", str(tmp_path)]) == 1
    assert "holds no store" in capsys.readouterr().err
    assert main(["export", "--user", "anna", "--format", "fit", "--data", str(tmp_path)]) == 1
    assert "needs --out" in capsys.readouterr().err
