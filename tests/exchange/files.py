"""Files as other programs write them, made for these tests."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from hypothesis import strategies as st

from coach.catalogue import catalogue
from exchange.reading import Clock
from exchange.written import Written, WrittenSet

CLOCK = Clock(zone=UTC, latest_ms=1_900_000_000_000)  # 2030
SAMPLES = Path(__file__).with_name("samples")


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


T0_MS = 1_750_000_000_000  # 2025-06-15 15:06:40 UTC

STRONG = sample("strong.csv")
STRONG_ANDROID = sample("strong_android.csv")
STRONG_IOS = sample("strong_ios.csv")
HEVY = sample("hevy.csv")
HEVY_POUNDS = sample("hevy_pounds.csv")
WGER = sample("wger.json")
WGER_CSV = sample("wger.csv")
TCX = sample("watch.tcx").encode()
GPX = sample("watch.gpx").encode()
LAUGHS = sample("laughs.gpx").encode()

NAMES = st.sampled_from(sorted(catalogue())) | st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)


@st.composite
def written(draw: st.DrawFn) -> Written:
    """A session of whole seconds, whose sets have quarters of a kilogram, as FIT and TCX can hold them."""
    start_ms = T0_MS + 1000 * draw(st.integers(0, 10**8))
    at_ms, sets = start_ms, []
    for _ in range(draw(st.integers(0, 8))):
        begun_ms = at_ms + 1000 * draw(st.integers(0, 300))
        at_ms = begun_ms + 1000 * draw(st.integers(1, 600))
        sets.append(
            WrittenSet(
                start_ms=begun_ms,
                end_ms=at_ms,
                exercise=draw(NAMES),
                repetitions=draw(st.none() | st.integers(1, 500)),
                weight_kg=draw(st.none() | st.integers(1, 1600).map(lambda quarters: quarters / 4)),
            )
        )
    rates = draw(st.lists(st.integers(20, 250), max_size=40))
    end_ms = max(at_ms, start_ms + 1000 * len(rates)) + 1000
    return Written(
        session="session",
        start_ms=start_ms,
        end_ms=end_ms,
        sets=tuple(sets),
        heart_rate=tuple((start_ms + 1000 * second, float(rate)) for second, rate in enumerate(rates)),
    )
