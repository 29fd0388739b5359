"""A phone for tests of `/watch`: a real node with a model, and a person whose movement the page feels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page

from cli.settings import NodeSettings
from cli.wiring import open_tokens, running_node
from domain.identifiers import UserId
from domain.recording import Recording
from persistence.location import open_store, prepare_store
from persistence.ports import Store
from simulator.people import people
from simulator.sessions import record
from tests.gateway.quick_model import serve

USER = UserId("ann")
GRAVITY = 9.80665
PHONE_HZ = 60.0  # what browsers on phones give, about
JITTER_MS = 3.0
FRAME_MS = 1000

# Events with times of their own, so that minutes pass in a second; each is otherwise as a phone's.
_PLAY = """([rows, again]) => {
  const start = again ? window.playedUntil + 1000 / 60 : performance.now();
  for (const [ms, ax, ay, az, gx, gy, gz] of rows) {
    const event = new DeviceMotionEvent("devicemotion", {
      accelerationIncludingGravity: { x: ax, y: ay, z: az },
      rotationRate: { alpha: gx, beta: gy, gamma: gz },
      interval: 1000 / 60,
    });
    Object.defineProperty(event, "timeStamp", { value: start + ms });
    dispatchEvent(event);
    window.playedUntil = start + ms;
  }
}"""
_HOLD = """() => { window.held = setInterval(() => dispatchEvent(new DeviceMotionEvent("devicemotion", {
  accelerationIncludingGravity: { x: 0, y: 0, z: 9.80665 }, rotationRate: { alpha: 0, beta: 0, gamma: 0 },
})), 50); }"""


@dataclass(frozen=True)
class Gym:
    """A running node: the page's address, a token of USER, and what it stores."""

    address: str
    gateway_port: int
    token: str
    store: Store
    recordings: Sequence[Recording]


@contextmanager
def gym(directory: Path, advertise: str | None = None) -> Iterator[Gym]:
    settings = NodeSettings(
        data=directory,
        gateway_port=0,
        api_port=0,
        night_cron=None,
        open_page=True,
        shard_hosts=1,
        advertise=advertise,
    )
    recordings = record(people(0, 1)[0], 0, set_count_max=2)
    prepare_store(settings.store_location)
    store = open_store(settings.store_location)
    try:
        serve(store, recordings)
        with running_node(settings) as node:
            token = open_tokens(settings).issue(USER, "device", 3600)
            yield Gym(f"http://127.0.0.1:{node.api_port}", node.gateway_port, token, store, recordings)
    finally:
        store.close()


def sign_in(page: Page, gym: Gym) -> None:
    page.goto(f"{gym.address}/watch")
    page.get_by_label("Code or token").fill(gym.token)
    page.get_by_role("button", name="Sign in").click()


def start(page: Page, button: str = "Start") -> None:
    """Tap on Start while the phone lies on a table."""
    page.evaluate(_HOLD)
    page.get_by_role("button", name=button).click()
    page.locator("#running").wait_for()
    page.evaluate("() => clearInterval(window.held)")


def play(page: Page, recordings: Sequence[Recording], seed: int, *, again: bool = False) -> None:
    """Let the page feel `recordings`, at a phone's uneven rate; `again`: right after what it felt before."""
    page.evaluate(_PLAY, [_rows(recordings, seed).tolist(), again])


def _rows(recordings: Sequence[Recording], seed: int) -> npt.NDArray[np.float64]:
    """[n, 7]: time in ms, acceleration in m/s², rotation in degrees/s."""
    felt = np.concatenate(
        [
            np.concatenate([each.values["a"] * GRAVITY, np.degrees(each.values["g"])], axis=1)
            for each in recordings
        ]
    )
    times_ms = np.arange(len(felt)) * 1000 / recordings[0].rate_hz
    random = np.random.default_rng(seed)
    at_ms = np.arange(0, times_ms[-1], 1000 / PHONE_HZ)
    at_ms += random.uniform(-JITTER_MS, JITTER_MS, len(at_ms))
    at_ms = np.sort(np.clip(at_ms, 0, None))
    return np.stack([at_ms, *(np.interp(at_ms, times_ms, axis) for axis in felt.T)], axis=1)
