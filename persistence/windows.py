"""Window store: the labelled windows that the nightly batch cuts and training reads."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from domain.frames import scale_for
from domain.sensors import SENSORS, SensorSet
from domain.windows import LabelledWindow
from persistence.ports import Delete, Insert, Store
from persistence.runs import RunStore
from persistence.schema import Samples, Timestamp
from persistence.tables import WINDOW, WindowRow

BUCKET_COUNT = 16  # partitions per sensor set: training streams them one by one
WINDOWS_PER_WRITE = 256


class WindowStore:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs = RunStore(store)

    def write(self, windows: Iterable[LabelledWindow], run_nr: int = 0) -> int:
        """Store the `windows` of a run, replacing those of the same time; return how many there were."""
        written, pending = 0, []
        for window in windows:
            pending.append(Insert(WINDOW, row_of(window, run_nr)))
            if len(pending) == WINDOWS_PER_WRITE:
                self._store.write(pending)
                written += len(pending)
                pending = []
        self._store.write(pending)
        return written + len(pending)

    def read(
        self, sensor_set: SensorSet, progress: Callable[[int, float], None] | None = None
    ) -> Iterator[LabelledWindow]:
        """All windows of a sensor set, bucket by bucket, so that memory stays bounded.

        Those of a session follow each other in time. After each bucket `progress` is told how many windows
        were read, and which share of the buckets that was.
        """
        read = 0
        for bucket_nr in range(BUCKET_COUNT):
            for row in self._rows(sensor_set, bucket_nr):
                yield window_of(row)
                read += 1
            if progress is not None:
                progress(read, (bucket_nr + 1) / BUCKET_COUNT)

    def sessions(self, sensor_set: SensorSet) -> Counter[str]:
        """How many windows there are of each session, by `subject/session` as models' lineages say it."""
        return Counter(
            f"{row.subject}/{row.session}"
            for bucket_nr in range(BUCKET_COUNT)
            for row in self._rows(sensor_set, bucket_nr)
        )

    def _rows(self, sensor_set: SensorSet, bucket_nr: int) -> Iterator[WindowRow]:
        """Of each session what its newest run that is served has cut; a session is held at a time."""
        state = self._runs.state()
        rows = self._store.read(WINDOW, (str(sensor_set), bucket_nr))
        for _, session in groupby(rows, key=attrgetter("subject", "session")):
            newest: list[WindowRow] = []
            for run_nr, cut in groupby(session, key=attrgetter("run_nr")):
                if state.shows_windows(str(sensor_set), run_nr):
                    newest = list(cut)
            yield from newest


def forget_windows(sensor_set: str, subject: str, session: str, before_nr: int) -> Delete:
    """What deletes the windows of a session that runs before `before_nr` have cut."""
    key = (subject, session)
    return Delete(WINDOW, (sensor_set, bucket_of(session)), (*key, 0), (*key, before_nr - 1))


def bucket_of(session: str) -> int:
    return zlib.crc32(session.encode()) % BUCKET_COUNT


def row_of(window: LabelledWindow, run_nr: int = 0) -> WindowRow:
    scaled = np.rint(window.samples / _scales(window.sensor_set))
    return WindowRow(
        str(window.sensor_set),
        bucket_of(window.session),
        window.subject,
        window.session,
        run_nr,
        Timestamp(window.start_ms),
        window.label,
        Samples(np.clip(scaled, -32768, 32767).astype("<i2").tobytes()),
    )


def window_of(row: WindowRow) -> LabelledWindow:
    sensor_set = SensorSet.parse(row.sensor_set)
    raw = np.frombuffer(row.samples, "<i2").reshape(-1, sensor_set.channel_count)
    return LabelledWindow(
        sensor_set=sensor_set,
        subject=row.subject,
        session=row.session,
        start_ms=row.start_at,
        label=row.label,
        samples=raw.astype(np.float32) * _scales(sensor_set),
    )


def _scales(sensor_set: SensorSet) -> npt.NDArray[np.float32]:
    scales = [scale_for(letter) for letter in sensor_set.letters for _ in SENSORS[letter].axes]
    return np.asarray(scales, np.float32)
