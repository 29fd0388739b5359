"""The parts of `/watch` that do no I/O, in a real browser: the codec, the outbox's rules, the resampler."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from gateway.api.app import create_app
from gateway.api.live import LiveView
from gateway.api.server import ApiServer
from persistence.sqlite import SqliteStore
from tests.browser import chromium

GATEWAY = Path(__file__).parents[2] / "gateway" / "api"
PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"
EXACT_MAX = 2**53 - 1  # the largest integer that a number of JavaScript holds exactly
IN_BROWSER = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# A float without a fraction is an integer to JavaScript, and a device may send either.
floats = st.floats(allow_nan=False).filter(lambda value: not value.is_integer() or abs(value) > EXACT_MAX)
scalars = st.none() | st.booleans() | st.integers(-EXACT_MAX, EXACT_MAX) | floats | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner, max_size=20),
    max_leaves=30,
)

# Objects put keys that look like numbers first, so what is written is compared as what it means.
_ROUND = """async (texts) => {
  const { decode, encode } = await import("/watch/msgpack.js");
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const told = (each) => btoa(String.fromCharCode(...each));
  return texts.map((text) => {
    try { return told(encode(decode(bytes(text)))); }
    catch (problem) { return problem instanceof RangeError ? null : `${problem.name}: ${problem.message}`; }
  });
}"""

# A server that takes each stream in order, under a network that a seeded dice breaks, delays and reorders.
_DELIVER = """async ([steps, credit]) => {
  const { Delivery } = await import("/watch/delivery.js");
  const delivery = new Delivery();
  const server = new Map(), stored = [];
  let key = 0, next = {}, onWay = [], answers = [], unanswered = 0, most = 0;
  const record = (stream, last = false) => {
    const nr = next[stream] ?? 0;
    next[stream] = nr + 1;
    delivery.add([{ key: ++key, session: "s", stream, nr, last }]);
  };
  const arrive = (entry) => {
    const expected = server.get(entry.stream) ?? 0;
    if (entry.nr === expected) {
      server.set(entry.stream, expected + 1);
      stored.push(`${entry.stream}/${entry.nr}`);
    }
    if (entry.nr > expected) answers.push(["back", entry.stream, expected]);
    else answers.push(["ack", entry.stream, server.get(entry.stream)]);
  };
  const hear = ([kind, stream, number]) => {
    unanswered -= 1;
    if (kind === "ack") delivery.acknowledge("s", stream, number);
    else if (!delivery.goBack("s", stream, number)) throw new Error("lost");
  };
  const send = () => {
    const taken = delivery.take(credit);
    unanswered += taken.length;
    most = Math.max(most, unanswered);
    onWay.push(...taken);
  };
  const doing = {
    record: () => record("a"), other: () => record("g"), command: () => record(""), send,
    arrive: () => onWay.length && arrive(onWay.shift()),
    fail: () => onWay.length && (onWay.shift(), delivery.rewind()),
    hear: () => answers.length && hear(answers.shift()),
    cut: () => { onWay = []; answers = []; unanswered = 0; delivery.rewind(); },
  };
  record("");
  for (const step of steps) doing[step]();
  record("", true);
  doing.cut();
  for (let round = 0; round < 10000 && delivery.size; round += 1) {
    send();
    while (onWay.length) arrive(onWay.shift());
    while (answers.length) hear(answers.shift());
  }
  return { stored, left: delivery.size, next };
}"""
STEPS = ["record", "other", "command", "send", "send", "arrive", "arrive", "hear", "hear", "fail", "cut"]

_RESAMPLE = """async (samples) => {
  const { Resampler } = await import("/watch/motion.js");
  const blocks = [];
  const resampler = new Resampler(1, (startMs, rows) => blocks.push([startMs, rows.map((row) => row[0])]));
  for (const [ms, value] of samples) resampler.push(ms, [value]);
  resampler.flush();
  return blocks;
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    store, view = SqliteStore(tmp_path_factory.mktemp("store")), LiveView()
    server = ApiServer(create_app(store, view, None), "127.0.0.1", 0)
    server.start()
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/health")
        yield page
    view.close()
    server.stop()
    store.close()


def written_again(page: Page, messages: list[bytes]) -> list[bytes | None]:
    """What the browser reads, written again; None where it refuses."""
    texts = page.evaluate(_ROUND, [base64.b64encode(each).decode() for each in messages])
    assert not [text for text in texts if text and ":" in text]
    return [None if text is None else base64.b64decode(text) for text in texts]


@given(value=values)
@IN_BROWSER
def test_the_browser_reads_and_writes_what_msgpack_does(page: Page, value: Any) -> None:
    (again,) = written_again(page, [msgpack.packb(value)])
    assert again is not None
    assert msgpack.unpackb(again, strict_map_key=False) == value
    assert len(again) == len(msgpack.packb(value))  # the shortest form, as msgpack's


@given(garbage=st.lists(st.binary(max_size=60), min_size=20, max_size=20))
@IN_BROWSER
def test_garbage_is_a_value_or_refused(page: Page, garbage: list[bytes]) -> None:
    written_again(page, garbage)


@given(value=values, cut=st.integers(1, 20))
@IN_BROWSER
def test_a_message_cut_short_is_refused(page: Page, value: Any, cut: int) -> None:
    whole = msgpack.packb([value])
    assert written_again(page, [whole[: max(0, len(whole) - cut)], whole + b"\xc0"]) == [None, None]


def test_the_protocols_examples_are_written_byte_by_byte(page: Page) -> None:
    found = re.findall(r"```hex (\w+)\n(.*?)```", PROTOCOL.read_text(), re.DOTALL)
    examples = [
        bytes.fromhex("".join(text.split())) for name, text in found if name not in ("frame", "label")
    ]
    assert len(examples) >= 5  # the two others hold floats without a fraction
    assert written_again(page, examples) == examples


@given(steps=st.lists(st.sampled_from(STEPS), max_size=150), credit=st.integers(1, 5))
@IN_BROWSER
def test_everything_is_delivered_once_and_in_order(page: Page, steps: list[str], credit: int) -> None:
    told = page.evaluate(_DELIVER, [steps, credit])
    assert told["left"] == 0
    for stream, count in told["next"].items():
        numbers = [each for each in told["stored"] if each.split("/")[0] == stream]
        assert numbers == [f"{stream}/{nr}" for nr in range(count)]
    assert told["stored"][-1] == f"/{told['next'][''] - 1}"  # `close` comes after all else


def test_samples_are_evened_out_and_gaps_are_kept(page: Page) -> None:
    steady = [[at, at / 1000] for at in range(1000, 3000, 16)]
    later = [[at, at / 1000] for at in range(5000, 5200, 16)]
    blocks = page.evaluate(_RESAMPLE, [*steady, *later])
    assert [start for start, _ in blocks] == [1000, 2000, 5000]
    assert [len(rows) for _, rows in blocks] == [50, 50, 10]
    for start, rows in blocks:  # a straight line stays one
        assert rows == pytest.approx([(start + 20 * index) / 1000 for index in range(len(rows))])


@pytest.mark.parametrize(("html", "entry"), [("page/index.html", "app.js"), ("watch.html", "watch/main.js")])
def test_the_browser_is_told_of_all_modules_at_once(html: str, entry: str) -> None:
    """Not one after the other as it reads them, each a way to the server and back."""
    text = (GATEWAY / html).read_text()
    told = set(re.findall(r'rel="modulepreload" href="([^"]+)"', text))
    assert f'src="{entry}"' in text
    assert told == imported(entry) - {entry}


def imported(entry: str) -> set[str]:
    """What `entry` imports, and what that does, by paths from the page's directory; itself included."""
    page = GATEWAY / "page"
    found: set[str] = set()
    left = [entry]
    while left:
        name = left.pop()
        found.add(name)
        imports = re.findall(
            r'^import .*? from "([^"]+)";', (page / name).read_text(), re.DOTALL | re.MULTILINE
        )
        paths = {str(((page / name).parent / each).resolve().relative_to(page)) for each in imports}
        left += paths - found
    return found
