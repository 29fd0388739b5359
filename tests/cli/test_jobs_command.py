"""`muvr jobs` over a store, with a real node's scheduler or with none."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.night import CANCELLED, FAILED, SUCCEEDED
from actors.night_record import find_night
from actors.night_requests import ask_to_cancel
from actors.night_rules import WAITING_MAX
from actors.node import actor_system
from cli.main import main
from persistence.location import prepare_store
from tests.actors.helpers import are_gone
from tests.actors.scheduling import FINE, HANGS, Scheduling, step
from tests.persistence.backends import BACKENDS, location_of

Muvr = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=BACKENDS)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is that nobody has used yet."""
    location = location_of(request.param, request, tmp_path)
    prepare_store(location)
    return location


@pytest.fixture
def muvr(location: str, capsys: pytest.CaptureFixture[str]) -> Muvr:
    """Exit status, output and errors of `muvr jobs ...`."""

    def run(action: str, *arguments: str) -> tuple[int, str, str]:
        status = main(["jobs", action, "--store", location, *arguments])
        told = capsys.readouterr()
        return status, told.out.strip(), told.err.strip()

    return run


@pytest.fixture(scope="module")
def system() -> Iterator[Any]:
    system = actor_system(None)
    yield system
    system.shutdown()


@pytest.fixture
def nights(system: Any, location: str, tmp_path: Path) -> Iterator[Scheduling]:
    scheduling = Scheduling(system, location, tmp_path)
    yield scheduling
    scheduling.close()


def test_a_store_without_nights_says_what_to_do(muvr: Muvr) -> None:
    assert "muvr jobs run" in muvr("list")[1]
    assert json.loads(muvr("list", "--json")[1]) == {"nights": []}
    assert muvr("show")[::2] == (1, "muvr: there was no night yet; `muvr jobs run` asks for one")
    for action in ("show", "cancel"):
        status, _, error = muvr(action, "nothing")
        assert (status, error) == (1, "muvr: there is no night 'nothing'; `muvr jobs list` names them all")
    assert "there was no night yet" in muvr("cancel")[2]
    assert "expected at least 1" in muvr("list", "--limit", "0")[2]


def test_without_a_node_a_night_waits_and_can_be_withdrawn(muvr: Muvr, nights: Scheduling) -> None:
    status, out, error = muvr("run")
    assert (status, error) == (0, "muvr: no node is up: the night begins when one is started")
    night_id = out.removeprefix("asked for night ").partition(";")[0]
    (night,) = json.loads(muvr("list", "--json")[1])["nights"]
    assert (night["night_id"], night["state"], night["steps"]) == (night_id, "waiting", [])
    assert "no night runs" in muvr("cancel")[2]
    assert muvr("cancel", night_id)[:2] == (0, f"asked for the end of night {night_id}")
    nights.start(step("batch", FINE))
    assert nights.over(night_id).state == CANCELLED
    assert f"night {night_id} has cancelled" in muvr("cancel", night_id)[2]


def test_there_is_a_bound_on_what_waits(muvr: Muvr) -> None:
    for _ in range(WAITING_MAX):
        assert muvr("run", "--json")[0] == 0
    status, _, error = muvr("run")
    assert status == 1
    assert f"{WAITING_MAX} nights were asked for and wait" in error


def test_a_night_that_is_followed_to_its_end(muvr: Muvr, nights: Scheduling) -> None:
    nights.start(step("batch", FINE), step("train", 'print(\'{"result": {"models": 1}}\')', after="batch"))
    status, out, _ = muvr("run", "--wait")
    assert status == 0
    assert out.splitlines()[-2].startswith("train succeeded")
    assert out.endswith(" succeeded")
    status, out, _ = muvr("show", "--json")
    night = json.loads(out)
    assert (night["state"], [each["result"] for each in night["steps"]]) == (SUCCEEDED, [None, {"models": 1}])
    words = muvr("show")[1]
    assert f"night      {night['night_id']}, succeeded" in words
    assert "half way" in words
    assert night["night_id"] in muvr("list")[1]


def test_a_night_that_fails_shows_why(muvr: Muvr, nights: Scheduling) -> None:
    code = "import sys; print('first', file=sys.stderr); sys.exit('no room')"
    nights.start(step("batch", code), step("train", FINE, after="batch"), step("other", FINE))
    status, out, _ = muvr("run", "--wait", "--json")
    assert (status, json.loads(out)["state"]) == (1, FAILED)
    shown = muvr("show")[1]
    assert "first\nno room" in shown
    assert "batch did not succeed" in shown
    assert "--- end of the log of batch" in muvr("show", "--step", "batch")[1]
    assert "expected one of batch, train, other" in muvr("show", "--step", "evaluate")[2]
    assert "batch failed, train skipped, other succeeded" in muvr("list")[1]


def test_cancel_ends_the_whole_tree_and_says_when(muvr: Muvr, nights: Scheduling, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    night_id = nights.run(step("batch", HANGS, pids))
    (family,) = nights.families(pids)
    nights.when(night_id, lambda night: night.steps[0].message == "it hangs")
    assert "batch running 25%" in muvr("list")[1]
    assert "hangs" in muvr("show", "--step", "batch")[1]
    status, out, _ = muvr("cancel", "--wait")
    assert (status, out.splitlines()[-1]) == (0, f"night {night_id} cancelled")
    assert are_gone(family)


def test_whoever_waits_for_a_night_learns_that_it_was_cancelled(
    muvr: Muvr, nights: Scheduling, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    nights.start(step("batch", HANGS, pids))

    def cancel() -> None:
        nights.families(pids)
        ask_to_cancel(nights.store, find_night(nights.store, None).night_id)

    other = threading.Thread(target=cancel)
    other.start()
    status, _, _ = muvr("run", "--wait")
    other.join()
    assert status == 1
