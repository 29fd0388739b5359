"""Bytes on disk for an hour of one sensor in the embedded store.

    python -m benchmarks.disk

One frame a second of a three-axis sensor, written in batches of 50 as a shard host does under load, into a
store of its own; the WAL is emptied before the file is measured. Not measured: journal, labels, windows.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from domain.frames import SensorFrame, scale_for
from domain.identifiers import SessionId, StreamId, UserId
from persistence.schema import MAIN
from persistence.sensors import SensorStore
from persistence.sqlite import SqliteStore

SECONDS = 3600
BATCH_FRAMES = 50
RATES_HZ = (50, 100)


def main() -> None:
    figures = {f"{rate_hz}_hz": _hour(rate_hz) for rate_hz in RATES_HZ}
    print(json.dumps(figures, indent=2))


def _hour(rate_hz: int) -> dict[str, int | float]:
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory(prefix="muvr-disk-") as directory:
        path = Path(directory) / f"{MAIN}.sqlite"
        store = SqliteStore(Path(directory))
        store.close()
        empty = path.stat().st_size
        store = SqliteStore(Path(directory))
        frames = [_frame(second, rate_hz, rng) for second in range(SECONDS)]
        for first in range(0, SECONDS, BATCH_FRAMES):
            store.write(
                [SensorStore.entry(UserId("user-1"), frame) for frame in frames[first : first + BATCH_FRAMES]]
            )
        store.close()
        used = path.stat().st_size - empty
    samples = sum(len(frame.samples) for frame in frames)
    return {
        "bytes": used,
        "mib": round(used / 2**20, 3),
        "of_samples": samples,
        "ratio": round(used / samples, 3),
    }


def _frame(second: int, rate_hz: int, rng: np.random.Generator) -> SensorFrame:
    samples = rng.integers(-32768, 32767, size=3 * rate_hz, dtype="<i2")
    return SensorFrame(
        session=SessionId("s-0123456789abcdef"),
        stream=StreamId("a"),
        sequence_nr=second,
        sensor="a",
        start_ms=1_790_000_000_000 + 1000 * second,
        rate_hz=float(rate_hz),
        scale=scale_for("a"),
        samples=samples.tobytes(),
    )


if __name__ == "__main__":
    main()
