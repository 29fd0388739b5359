"""A whole node is ready while its gateway and its shard hosts answer, and only then."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from telemetry.answering import SILENT_SECONDS
from telemetry.metrics import DECLARED
from telemetry.pages import pages
from tests.actors.helpers import DEADLINE_SECONDS, eventually
from tests.test_style import ROOT

PARTS = ("gateway", "shard-host-0")


@dataclass
class Started:
    data: Path
    page: str

    def asked(self, path: str = "/ready") -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"{self.page}{path}", timeout=DEADLINE_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def process(self, role: str) -> psutil.Process | None:
        found = pages(self.data / "metrics", DECLARED.layout())
        return next((page.process for page in found if page.role == role), None)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    data = tmp_path_factory.mktemp("ready")
    command = [
        *(sys.executable, "-m", "cli", "up", "--data", str(data), "--night", "never", "--json"),
        *("--gateway-port", "0", "--api-port", "0"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Started(data, json.loads(process.stdout.readline())["page"])
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


@contextmanager
def paused(process: psutil.Process | None) -> Iterator[None]:
    assert process is not None
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def is_ready(node: Started) -> bool:
    return node.asked() == (200, {"status": "ready"})


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_killed_makes_the_node_unready_until_it_is_back(node: Started, part: str) -> None:
    eventually(lambda: is_ready(node), "the node is ready")
    process = node.process(part)
    assert process is not None
    with paused(process.parent()):  # the supervisor, which would start it again at once
        process.kill()
        eventually(lambda: not is_ready(node), "it is gone", SILENT_SECONDS / 2)
        status, problem = node.asked()
        assert (status, problem["code"], problem["retry"]) == (503, "not_ready", True)
        assert problem["detail"] == f"{part} of this node does not answer"
        assert node.asked("/health")[0] == 200, "nobody shall kill the node for it"
    eventually(lambda: is_ready(node), "it was started again")
    assert node.process(part) != process


def test_parts_that_stand_still_make_the_node_unready_until_they_go_on(node: Started) -> None:
    eventually(lambda: is_ready(node), "the node is ready")
    gateway, host = map(node.process, PARTS)
    with paused(gateway), paused(host):
        detail = "gateway, shard-host-0 of this node does not answer"
        eventually(lambda: node.asked()[1].get("detail") == detail, "they are silent")
    eventually(lambda: is_ready(node), "they go on")
