"""A whole node that follows every frame: its gateway's and its shard host's spans are of one trace."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from pathlib import Path

from tests.actors.helpers import DEADLINE_SECONDS
from tests.cli.test_watched_node import FRAMES, ROOT, Watched, send
from tests.telemetry.receiver import Received, receiver

PARTS = {
    "wait in the gateway": "gateway",
    "actor": "shard-host-0",
    "store write": "shard-host-0",
    "acknowledgement": "shard-host-0",
}


def test_every_frames_way_is_told(tmp_path: Path) -> None:
    with receiver() as received:
        command = [
            *(sys.executable, "-m", "cli", "up", "--data", str(tmp_path), "--night", "never", "--json"),
            *("--gateway-port", "0", "--api-port", "0"),
            *("--otlp-endpoint", received.address, "--otlp-share", "1"),
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            asyncio.run(send(Watched(tmp_path, process, said["devices"], said["page"], said["token"])))
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)
        for number in range(FRAMES):
            check(received.spans, f"morning/h/{number}")


def check(spans: list[Received], frame: str) -> None:
    digest = hashlib.sha256(frame.encode()).hexdigest()
    mine = [each for each in spans if each.trace == digest[:32]]
    (whole,) = [each for each in mine if not each.parent]
    assert (whole.name, whole.process, whole.span) == ("frame", "gateway", digest[32:48])
    parts = {each.name: each for each in mine if each.parent}
    assert {name: each.process for name, each in parts.items()} == PARTS
    assert {each.parent for each in parts.values()} == {whole.span}
    waited, acted, wrote, told = (parts[name] for name in PARTS)
    slack_ns = 5_000_000  # the clock is set anew for each span
    assert whole.since_ns - slack_ns <= waited.since_ns
    for before, after in ((waited, acted), (acted, wrote), (wrote, told), (told, whole)):
        assert before.since_ns - slack_ns <= before.until_ns
        assert before.until_ns <= after.until_ns + slack_ns
