"""A whole node while devices send: its metrics, its log, and what `muvr` shows of it while it runs."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import random
import re
import subprocess
import sys
import termios
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.main import main
from edge.client import DeviceClient
from edge.connection import DeviceConnection
from telemetry.metrics import DECLARED
from telemetry.pages import pages
from tests.actors.helpers import DEADLINE_SECONDS, eventually
from tests.actors.stub_models import T0_MS, heart_frame

ROOT = Path(__file__).parents[2]
FRAMES = 40


@dataclass
class Watched:
    data: Path
    process: subprocess.Popen[str]
    devices: str
    page: str
    token: str

    @property
    def api_port(self) -> str:
        return self.page.rpartition(":")[2]

    def text(self, token: str | None = None) -> str:
        request = urllib.request.Request(
            f"{self.page}/metrics", headers={"Authorization": f"Bearer {token or self.token}"}
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return str(answer.read().decode())

    def sample(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.text())
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def log(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.data / "log" / "node.log").read_text().splitlines()]


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def muvr(*arguments: object) -> Done:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as errors:
        status = main(list(map(str, arguments)))
    return Done(status, out.getvalue(), errors.getvalue())


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A node that has taken FRAMES frames of anna's."""
    data = tmp_path_factory.mktemp("watched")
    command = [
        *(sys.executable, "-m", "cli", "up", "--data", str(data), "--gateway-port", "0", "--api-port", "0"),
        *("--night", "0 0 1 1 *", "--log-format", "json", "--debug", "--json"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = json.loads(process.stdout.readline())
        watched = Watched(data, process, said["devices"], said["page"], said["token"])
        asyncio.run(send(watched))
        yield watched
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


async def send(node: Watched, session: str = "morning") -> None:
    made = muvr("token", "--data", node.data, "--user", "anna")
    client = DeviceClient(made.stdout.strip(), "watch")
    connection = DeviceConnection(client, node.devices, lambda message: None, random.Random(1))
    client.open_session(session, T0_MS, "server", [("h", "h", "chest")])
    running = asyncio.create_task(connection.run())
    try:
        for number in range(FRAMES):
            client.frame(heart_frame(session, number, 60))
        connection.changed()
        await asyncio.wait_for(connection.until(lambda: client.is_idle), DEADLINE_SECONDS)
    finally:
        connection.stop()
        await asyncio.gather(running, return_exceptions=True)


def test_what_devices_send_is_counted_once(node: Watched) -> None:
    assert node.sample("muvr_frames_total") == FRAMES
    assert node.sample("muvr_message_bytes_count") >= FRAMES + 2
    assert node.sample("muvr_acknowledgement_seconds_count") == FRAMES + 1
    assert node.sample("muvr_host_wait_seconds_count") == FRAMES + 1
    assert node.sample("muvr_group_commands_sum") == FRAMES + 1
    assert node.sample("muvr_recoveries_total", outcome="recovered") == 1
    assert node.sample("muvr_session_actors") == 1
    assert node.sample("muvr_shards_held") == 256
    assert node.sample("muvr_store_write_rows_sum", backend="sqlite") >= FRAMES
    assert node.sample("muvr_store_errors_total") == 0
    assert node.sample("muvr_scheduler_leads") == 1
    assert node.sample("muvr_replies_total", kind="ack") > 0
    eventually(lambda: node.sample("muvr_connections") == 0, "the device is gone")
    for role in ("gateway", "api", "scheduler", "shard-host-0"):
        assert node.sample("muvr_process_up", process=role) == 1
        assert node.sample("muvr_process_resident_memory_bytes", process=role) > 1e6


def test_metrics_are_an_operators(node: Watched) -> None:
    for scope in ("device", "user"):
        token = muvr("token", "--data", node.data, "--user", "anna", "--scope", scope).stdout.strip()
        with pytest.raises(urllib.error.HTTPError) as refused:
            node.text(token)
        assert refused.value.code == 403
    with pytest.raises(urllib.error.HTTPError) as unknown:
        urllib.request.urlopen(f"{node.page}/metrics", timeout=DEADLINE_SECONDS)
    assert unknown.value.code == 401
    assert "anna" not in node.text()
    assert "morning" not in node.text()


def test_one_grep_shows_a_frames_way(node: Watched) -> None:
    """From the gateway over the shard host to the store's write, and back."""
    way = [line for line in node.log() if "morning/h/17" in line.get("traces", ())]  # type: ignore[operator]
    steps = [(line["process"], line["message"]) for line in way]
    assert steps[:3] == [
        ("gateway", "goes to its shard host"),
        ("shard-host-0", "decided and written together"),
        ("shard-host-0", "durable"),
    ]
    assert steps[-1] == ("gateway", "is answered")
    written = next(line for line in way if line["logger"] == "persistence.counted")
    assert written["message"] == "durable"
    assert written["backend"] == "sqlite"
    sent, *_, answered = way
    assert sent["batch_nr"] == answered["batch_nr"]
    assert sent["connections"] == answered["connections"]


def test_top_tells_scripts(node: Watched) -> None:
    done = muvr(
        "top", "--data", node.data, "--api-port", node.api_port, "--once", "--json", "--interval", 0.1
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {each["name"] for each in told["processes"]} == {"gateway", "api", "scheduler", "shard-host-0"}
    assert sum(each["shards"] or 0 for each in told["processes"]) == 256
    assert told["frames"] == 0
    plain = muvr("top", "--data", node.data, "--api-port", node.api_port, "--once", "--interval", 0.1)
    assert "shard-host-0" in plain.stdout


def test_top_shows_a_terminal_and_leaves_it_as_it_was(node: Watched) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 120))
    before = termios.tcgetattr(theirs)
    command = [sys.executable, "-m", "cli", "top", "--data", node.data, "--api-port", node.api_port]
    environment = {**os.environ, "TERM": "xterm"}
    shown = ""
    with subprocess.Popen(
        [*command, "--interval", "0.1"], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        try:
            while shown.count("shard-host-0") < 3:  # drawn again and again
                shown += os.read(ours, 65536).decode(errors="replace")
            os.write(ours, b"x")
            os.write(ours, b"q")
            assert process.wait(DEADLINE_SECONDS) == 0
        finally:
            process.kill()
    assert "until acknowledged" in shown
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_top_without_a_terminal_or_a_node_says_what_to_do(node: Watched, tmp_path: Path) -> None:
    for arguments, words in (
        (("top", "--data", node.data, "--api-port", node.api_port), "--once"),
        (("top", "--data", tmp_path, "--once"), "tokens.key"),
        (("top", "--url", "http://127.0.0.1:1/metrics", "--once"), "does not answer"),
        (("top", "--url", f"{node.page}/metrics", "--once"), "401"),
        (("top", "--url", f"{node.page}/", "--once"), "does not answer"),
    ):
        done = muvr(*arguments)
        assert done.returncode == 1
        assert words in done.stderr, (arguments, done.stderr)


def test_a_profile_covers_every_process(node: Watched, tmp_path: Path) -> None:
    out = tmp_path / "node.folded"
    done = muvr("profile", "--data", node.data, "--seconds", 0.5, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    roles = {line.partition(";")[0] for line in out.read_text().splitlines()}
    assert roles == {"gateway", "api", "scheduler", "shard-host-0"}
    assert json.loads(done.stdout)["looks"] > 0
    assert node.sample("muvr_process_up") == 4
    one = muvr("profile", "--data", node.data, "--seconds", 0.2, "--process", "gateway", "--out", out)
    assert "stacks are in" in one.stdout
    assert {line.partition(";")[0] for line in out.read_text().splitlines()} == {"gateway"}


def test_profiles_that_cannot_be_say_why(node: Watched, tmp_path: Path) -> None:
    for arguments, words in (
        (("--data", tmp_path), "no process of a node runs"),
        (("--data", node.data, "--process", "cook"), "no process cook runs"),
        (("--data", node.data, "--seconds", 1e6), "at most 300 s"),
    ):
        done = muvr("profile", *arguments, "--out", tmp_path / "x")
        assert done.returncode == 1
        assert words in done.stderr
    assert not (tmp_path / "x").exists()


def test_the_doctor_knows_that_the_node_runs(node: Watched) -> None:
    port = re.search(r":(\d+)$", node.devices)
    assert port is not None
    places = ("--data", node.data, "--gateway-port", port[1], "--api-port", node.api_port)
    done = muvr("doctor", *places, "--skip", "java", "packages", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    found = [each["found"] for each in told["findings"]]
    assert sum("answers" in each for each in found) == 2
    assert any("shard-host-0" in each and "renewed" in each for each in found)
    assert any("opens the store's data keys" in each for each in found)


def test_sums_go_on_when_a_process_dies(node: Watched) -> None:
    """The last of this module: the shard host is killed."""
    frames = node.sample("muvr_group_commands_sum")
    found = pages(node.data / "metrics", DECLARED.layout())
    (process,) = [page.process for page in found if page.role == "shard-host-0"]
    assert process is not None
    process.kill()
    eventually(lambda: node.sample("muvr_process_starts_total", process="shard-host-0") == 2, "it is back")
    asyncio.run(send(node, "evening"))
    assert node.sample("muvr_group_commands_sum") >= frames + FRAMES + 1
    assert node.sample("muvr_process_up") == 4
