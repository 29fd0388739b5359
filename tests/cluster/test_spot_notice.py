"""A node whose machine will be taken away hands its users over, ends, and does not start there again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marathon.fake.serving import Answer, FakeServer
from persistence.location import prepare_store
from tests.actors.helpers import eventually
from tests.cluster.checker import check_acknowledged, check_settled
from tests.cluster.crowd import Crowd
from tests.cluster.node import MuvrNode
from tests.cluster.rig import Rig


class Metadata:
    """Of an instance of AWS: what it answers without a token is not looked at here."""

    def __init__(self) -> None:
        self.is_noticed = False
        self.server = FakeServer(self._answer)

    def _answer(self, method: str, path: str, body: Any) -> Answer:
        if (method, path) == ("PUT", "/latest/api/token"):
            return 200, "token"
        if self.is_noticed and path == "/latest/meta-data/spot/instance-action":
            return 200, {"action": "terminate", "time": "2026-11-26T02:30:00Z"}
        return 404, None


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    metadata = Metadata()
    with metadata.server:
        yield metadata


def test_a_node_that_is_told_hands_its_users_over_and_ends(metadata: Metadata, tmp_path: Path) -> None:
    location = f"sqlite:{tmp_path / 'store'}"
    prepare_store(location)
    rig = Rig(tmp_path / "rig", location, count=1)
    spot = MuvrNode(
        tmp_path / "rig" / "spot",
        [*rig.options, "--spot-notice", "aws", "--spot-notice-url", metadata.server.url],
    )
    rig.nodes.append(spot)
    try:
        rig.up()
        with Crowd(60, rig.urls, rig.tokens) as crowd:
            crowd.heard()
            metadata.is_noticed = True
            spot.wait_until_ended()
            assert "this machine is taken away: terminate at 2026-11-26T02:30:00Z" in spot.log()
            rig.settle()
            crowd.heard()
            assert check_acknowledged(rig.store, crowd)
            crowd.settle()
        check_settled(rig.store, crowd)
        spot.begin()
        eventually(lambda: not spot.is_running, "it does not start")
        assert "devices:" not in spot.log()
    finally:
        rig.down()
