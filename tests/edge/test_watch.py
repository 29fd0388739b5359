"""A watch that names exercises itself, if it has a model of the sensors that it streams."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest

from domain.commands import RecogniserSite
from domain.form import Tip
from domain.frames import SensorFrame, pack_samples
from domain.identifiers import SessionId, StreamId
from domain.programme import Prescription, Programme
from edge import protocol
from edge.client import DeviceClient
from edge.recogniser import Exercising, SetEnded
from edge.watch import Watch
from tests.edge.test_artefact import artefact
from tests.everything_sent import everything_sent

RATE_HZ = 50
STREAMS = [("a", "a", "wrist")]


class AlwaysCurling:
    """A network that is sure of one class: that the watch asks it and records its sets is tested here."""

    def __init__(self, model: object) -> None:
        pass

    def probabilities(self, windows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.tile(np.array([[0.99, 0.01]]), (len(windows), 1))


def watch(*, with_model: bool) -> tuple[Watch, DeviceClient]:
    client = DeviceClient("token", "watch-1")
    client.receive(protocol.encode({"type": "welcome", "version": 1, "credit": 1000, "models": []}))
    client.model = artefact() if with_model else None
    return Watch(client), client


def frame(second: int) -> SensorFrame:
    times = second + np.arange(RATE_HZ) / RATE_HZ
    swing = 0.8 * np.sin(2 * np.pi * times / 2.5)
    return SensorFrame(
        session=SessionId("s"),
        stream=StreamId("a"),
        sequence_nr=second,
        sensor="a",
        start_ms=1000 * second,
        rate_hz=RATE_HZ,
        scale=0.001,
        samples=pack_samples(np.stack([swing, swing, 1 + swing], axis=1), 0.001),
    )


def sent(client: DeviceClient) -> list[dict[str, Any]]:
    return [msgpack.unpackb(data) for data in everything_sent(client)]


@pytest.mark.parametrize(
    ("with_model", "wanted", "streams", "site"),
    [
        (True, "device", STREAMS, "device"),
        (True, "server", STREAMS, "server"),
        (False, "device", STREAMS, "server"),
        (True, "device", [("g", "g", "wrist")], "server"),
        (True, "device", [*STREAMS, ("g", "g", "wrist")], "device"),
    ],
)
def test_the_server_recognises_unless_the_watch_has_a_model_of_its_sensors(
    with_model: bool, wanted: RecogniserSite, streams: list[tuple[str, str, str]], site: str
) -> None:
    device, client = watch(with_model=with_model)
    device.open_session("s", 0, wanted, streams)
    (opened,) = sent(client)
    assert (opened["type"], opened["recogniser"]) == ("open", site)


def test_a_watch_without_a_model_only_streams() -> None:
    device, client = watch(with_model=False)
    device.open_session("s", 0, "device", STREAMS)
    assert [device.frame(frame(second)) for second in range(5)] == [[]] * 5
    assert device.close_session(5000) == []
    assert [message["type"] for message in sent(client)] == ["open", *["frame"] * 5, "close"]


def test_a_set_that_the_watch_found_is_recorded_before_the_session_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.watch.Int8Network", AlwaysCurling)
    device, client = watch(with_model=True)
    device.open_session("s", 0, "device", STREAMS)
    seen = [found for second in range(40) for found in device.frame(frame(second))]
    assert any(isinstance(found, Exercising) and found.exercise == "curl" for found in seen)
    ended = [found for found in seen + device.close_session(40_000) if isinstance(found, SetEnded)]
    messages = sent(client)
    recorded = [message for message in messages if message["type"] == "set"]
    assert ended
    assert [(s["exercise"], s["start_ms"], s["end_ms"], s["model"]) for s in recorded] == [
        (found.exercise, found.start_ms, found.end_ms, "gym-1") for found in ended
    ]
    measured = [message for message in messages if message["type"] == "form"]
    assert [(m["start_ms"], m["repetitions"]) for m in measured] == [
        (s["start_ms"], s["repetitions"]) for s in recorded
    ]
    assert [m["nr"] for m in messages if m["type"] != "frame"] == list(range(2 * len(recorded) + 2))
    assert messages[-1]["type"] == "close"
    assert device.take_tip() is None, "it went as it began"


def test_a_watch_without_a_network_stops_who_passes_a_limit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.watch.Int8Network", AlwaysCurling)
    device, client = watch(with_model=True)
    limited = Prescription(exercise="curl", set_count=1, repetitions=5, days_per_week=7, repetitions_limit=8)
    device.prescribed(Programme(at_ms=5, prescriptions=(limited,)))
    device.prescribed(Programme(at_ms=4))
    device.open_session("s", 0, "device", STREAMS)
    told = [(second, tip) for second in range(40) if (tip := _tip_at(device, second)) is not None]
    ((second, tip),) = told
    assert (tip.kind, tip.stop) == ("repetitions", True)
    assert second in range(20, 30)
    device.close_session(40_000)
    assert device.take_tip() is None
    (measured,) = [message for message in sent(client) if message["type"] == "form"]
    assert measured["tip"] is None, "it was told during the set"


def _tip_at(device: Watch, second: int) -> Tip | None:
    device.frame(frame(second))
    return device.take_tip()
