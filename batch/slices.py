"""Slices: sensor rows and confirmed labels to labelled 2 s windows, DataFrame to DataFrame.

Rows of a session come together by one shuffle and are sorted by time (Spark spills to disk what does not
fit), then each session streams through the slicers once: memory does not grow with a session's length, and
how its streams are named plays no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby, takewhile
from operator import itemgetter

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.alignment import aligned
from batch.arrow import Row, map_rows
from batch.frames import spark_schema
from batch.labelling import Label, labelled_windows
from domain.errors import InvalidFrame, StoredValueCorrupt
from domain.frames import SensorFrame, check_frame
from domain.identifiers import SessionId, StreamId, pseudonym_of
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from persistence.tables import WINDOW
from persistence.windows import row_of

# The columns of the window table but for the run; the first window of each session says so.
WINDOW_SCHEMA = f"{spark_schema(WINDOW, without=('run_nr',))}, opens_session boolean"

_LABEL, _FRAME = 0, 1  # the labels of a session sort before its frames
_LABEL_COLUMNS = ("user_id", "session_id", "start_at", "end_at", "exercise")
_WINDOW_COLUMNS = tuple(name for name in WINDOW.columns if name != "run_nr")
_ORDER = ("user_id", "session_id", "kind", "start_at", "sequence_nr", "stream")


def slice_windows(
    sensor_rows: DataFrame,
    labels: DataFrame,
    *,
    sensor_sets: Sequence[SensorSet],
    pseudonym_key: bytes,
    partition_count: int,
) -> DataFrame:
    """Windows (WINDOW_SCHEMA) of all sessions that have both labels and sensor rows.

    Both come as the frames of their tables. A session's windows are in one partition, together. Fails with
    StoredValueCorrupt naming the row when a row or label breaks its limits.
    """
    together = (
        sensor_rows.withColumn("kind", F.lit(_FRAME))
        .unionByName(
            labels.select(*_LABEL_COLUMNS).withColumn("kind", F.lit(_LABEL)), allowMissingColumns=True
        )
        .repartition(partition_count, "user_id", "session_id")
        .sortWithinPartitions(*_ORDER)
        .select(*_ORDER, "sensor", "rate_hz", "scale", "samples", "end_at", "exercise")
    )
    return map_rows(
        together,
        partial(_window_rows, sensor_sets=tuple(sensor_sets), pseudonym_key=pseudonym_key),
        WINDOW_SCHEMA,
    )


def _window_rows(
    rows: Iterable[Row], *, sensor_sets: Sequence[SensorSet], pseudonym_key: bytes
) -> Iterator[Row]:
    for (user, session_id), group in groupby(rows, key=itemgetter(0, 1)):
        subject = pseudonym_of(user, pseudonym_key)
        session = f"{subject}/{session_id}"
        labels, rest = _split(group)
        frames = (_frame_of(row) for row in rest)
        opens_session = True
        for sensor_set, label, window in labelled_windows(aligned(frames), labels, sensor_sets):
            row = row_of(
                LabelledWindow(
                    sensor_set=sensor_set,
                    subject=subject,
                    session=session,
                    start_ms=window.start_ms,
                    label=label,
                    samples=window.samples,
                )
            )
            yield (*(getattr(row, name) for name in _WINDOW_COLUMNS), opens_session)
            opens_session = False


def _split(group: Iterator[Row]) -> tuple[list[Label], Iterator[Row]]:
    """The labels that a session's rows begin with, and the rows after them."""
    first_frame: list[Row] = []

    def is_label(row: Row) -> bool:
        if row[2] == _FRAME:
            first_frame.append(row)
        return bool(row[2] == _LABEL)

    labels = [_label_of(row) for row in takewhile(is_label, group)]
    return labels, chain(first_frame, group)


def _label_of(row: Row) -> Label:
    user, session, _, start_ms, *_, end_ms, exercise = row
    if None in (start_ms, end_ms, exercise) or not exercise or not 0 <= start_ms < end_ms:
        raise StoredValueCorrupt(
            f"label of user {user!r}, session {session!r} at {start_ms}: {exercise!r} until {end_ms}",
            expected="an exercise and an end after the start, in ms since 1970",
            remedy="delete or correct the row",
        )
    return Label(start_ms, end_ms, exercise)


def _frame_of(row: Row) -> SensorFrame:
    user, session, _, start_ms, number, stream, sensor, rate_hz, scale, samples, *_ = row
    where = f"sensor row of user {user!r}, session {session!r}, stream {stream!r}, number {number}"
    if None in (start_ms, number, stream, sensor, rate_hz, scale, samples):
        raise StoredValueCorrupt(f"{where}: a column is empty", remedy="delete or correct the row")
    frame = SensorFrame(
        session=SessionId(session),
        stream=StreamId(stream),
        sequence_nr=number,
        sensor=sensor,
        start_ms=start_ms,
        rate_hz=rate_hz,
        scale=scale,
        samples=samples,
    )
    try:
        return check_frame(frame)
    except InvalidFrame as error:
        raise StoredValueCorrupt(
            f"{where}: {error.wrong}", expected=error.expected, remedy="delete or correct the row"
        ) from error
