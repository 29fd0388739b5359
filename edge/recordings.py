"""Reads recordings of people exercising: a folder with `index.csv` and one gzipped CSV file per recording.

`index.csv` has the columns of INDEX_COLUMNS. A recording has the header `t,ax,ay,az[,gx,gy,gz]`: seconds,
acceleration in g (gravity included), angular rate in rad/s. Whatever is malformed raises InvalidRecording,
which names file, line and column; nothing is skipped.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidRecording
from domain.frames import RATE_HZ_MAX
from domain.recording import REST, Recording
from domain.sensors import LOCATIONS

INDEX_COLUMNS = ("file", "subject", "session", "label", "reps", "weight_kg", "rate_hz", "device", "location")
HEADERS = ("t,ax,ay,az", "t,ax,ay,az,gx,gy,gz")
FILE_BYTES_MAX = (
    256 * 2**20
)  # unpacked: about nine hours at 100 Hz; a larger file is an accident or an attack
REPETITIONS_MAX = 10_000
WEIGHT_KG_MAX = 2_000.0

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_WEIGHT_UNKNOWN = -1.0
_REST_LABELS = {"idle", REST}
_PLACES = {"upper_arm": "arm", "ankle": "foot"}
_PLAIN = b"0123456789.,-\n"

DoubleArray = npt.NDArray[np.float64]


def load_directory(directory: Path) -> list[Recording]:
    """Every recording that `directory`/index.csv lists, in its order; raises InvalidRecording."""
    if not (directory / "index.csv").is_file():
        raise InvalidRecording(
            f"{directory} is no data set of recordings",
            expected="a directory with an index.csv",
            remedy="correct the directory",
        )
    text = _read(directory / "index.csv").decode("utf-8", errors="replace").removeprefix("\ufeff")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(lines.line_num, fields) for fields in lines]
    except csv.Error as error:
        raise _invalid("index.csv", lines.line_num, None, str(error), "comma-separated values") from error
    if not rows:
        raise _invalid("index.csv", 1, None, "the file is empty", "a header and rows")
    header = rows[0][1]
    _check_index_header(header)
    recordings = []
    for line_nr, fields in rows[1:]:
        if len(fields) != len(header):
            raise _invalid("index.csv", line_nr, None, f"{len(fields)} columns", f"{len(header)}")
        recordings.append(load(directory, dict(zip(header, fields, strict=True)), line_nr=line_nr))
    return recordings


def load(directory: Path, row: Mapping[str, str], *, line_nr: int = 0) -> Recording:
    """The recording of one row of `directory`/index.csv, found at `line_nr`; raises InvalidRecording.

    An exercise with 0 repetitions is one whose repetitions nobody wrote down, and a weight of -1 is how the
    muvr recordings say the same: both become None.
    """
    entry = _IndexRow(row, line_nr)
    file = entry.file_name("file")
    rest = entry.text("label") in _REST_LABELS
    repetitions = entry.number("reps", REPETITIONS_MAX)
    if repetitions is not None and repetitions != int(repetitions):
        raise entry.invalid("reps", "a whole number")
    weight_kg = entry.number("weight_kg", WEIGHT_KG_MAX, besides=_WEIGHT_UNKNOWN)
    rate_hz = entry.number("rate_hz", RATE_HZ_MAX)
    if not rate_hz:
        raise entry.invalid("rate_hz", f"a number above 0, at most {RATE_HZ_MAX:g}")
    return Recording(
        name=file.removesuffix(".gz").removesuffix(".csv"),
        subject=entry.text("subject"),
        session=entry.text("session"),
        label=REST if rest else entry.text("label"),
        repetitions=0 if rest else int(repetitions or 0) or None,
        weight_kg=weight_kg if weight_kg != _WEIGHT_UNKNOWN else None,
        rate_hz=rate_hz,
        location=_location(entry.text("location")),
        values=_load_values(directory / file),
    )


class _IndexRow:
    """A row of the index, whose fields are read with an answer for whoever has to correct them."""

    def __init__(self, row: Mapping[str, str], line_nr: int) -> None:
        self._row = row
        self._line_nr = line_nr

    def text(self, column: str) -> str:
        if column not in self._row:
            raise _invalid("index.csv", self._line_nr, column, "the column is missing", "all index columns")
        value = self._row[column].strip()
        if not value:
            raise self.invalid(column, "a value")
        return value

    def number(self, column: str, limit: float, besides: float = 0.0) -> float | None:
        """A number from 0 to `limit`, or `besides`, or None if the field is empty."""
        if column in self._row and not self._row[column].strip():
            return None
        value = _float(self.text(column).encode())
        if not 0 <= value <= limit and value != besides:
            raise self.invalid(column, f"a number from 0 to {limit:g}")
        return value

    def file_name(self, column: str) -> str:
        value = self.text(column)
        if Path(value).name != value or value in {".", ".."} or "\0" in value or "\\" in value:
            raise self.invalid(column, "the name of a file in the folder of index.csv")
        return value

    def invalid(self, column: str, expected: str) -> InvalidRecording:
        return _invalid("index.csv", self._line_nr, column, repr(self._row[column][:80]), expected)


def _check_index_header(header: list[str]) -> None:
    for column in INDEX_COLUMNS:
        if header.count(column) != 1:
            raise _invalid("index.csv", 1, column, f"{header.count(column)} such columns", "one")
    for column in header:
        if column not in INDEX_COLUMNS:
            raise _invalid("index.csv", 1, column[:80], "an unknown column", ",".join(INDEX_COLUMNS))


def _location(text: str) -> str:
    """`left_wrist` becomes `wrist`; a place that is none of LOCATIONS stays as it is."""
    place = text.removeprefix("left_").removeprefix("right_")
    place = _PLACES.get(place, place)
    return place if place in LOCATIONS else text


def _load_values(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The sensors of one file: letter to [samples, axes] float32."""
    header, _, body = _read(path).replace(b"\r\n", b"\n").partition(b"\n")
    if header.decode("ascii", errors="replace") not in HEADERS:
        raise _invalid(path.name, 1, None, f"header {header[:80]!r}", " or ".join(HEADERS))
    columns = header.decode().split(",")
    body = body if body.endswith(b"\n") or not body else body + b"\n"
    if not body:
        raise _invalid(path.name, 2, None, "no rows", "at least one row")
    table = _parse_plain(body, len(columns))
    if table is None:
        table = _parse_rows(path.name, body, columns)
    _check_times(path.name, table[:, 0])
    values = {"a": table[:, 1:4].astype(np.float32)}
    if len(columns) > len("taaa"):
        values["g"] = table[:, 4:7].astype(np.float32)
    return values


def _read(path: Path) -> bytes:
    """The bytes of a file, unpacked if its name ends with .gz."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _invalid(path.name, 0, None, f"the gzip is damaged: {error}", "a whole gzip file") from error
    except OSError as error:
        raise _invalid(path.name, 0, None, error.strerror or str(error), "a readable file") from error
    if len(content) > FILE_BYTES_MAX:
        raise _invalid(path.name, 0, None, "the file is too long", f"at most {FILE_BYTES_MAX} bytes")
    return content


def _parse_plain(body: bytes, column_count: int) -> DoubleArray | None:
    """Parse a body of plain decimals at NumPy's speed; None if anything about it is unusual.

    `fromstring` alone is too forgiving, so the alphabet and the places of the separators are checked first.
    """
    if body.translate(None, _PLAIN):
        return None
    raw = np.frombuffer(body, np.uint8)
    separators = raw[(raw == ord(",")) | (raw == ord("\n"))]
    if len(separators) % column_count:
        return None
    line_ends = separators.reshape(-1, column_count) == ord("\n")
    if not line_ends[:, -1].all() or line_ends[:, :-1].any():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            numbers = np.fromstring(body[:-1].replace(b"\n", b",").decode("ascii"), sep=",")
        except (DeprecationWarning, ValueError):
            return None
    if len(numbers) != len(separators) or not (np.abs(numbers) <= _FLOAT32_MAX).all():
        return None
    return numbers.reshape(-1, column_count)


def _parse_rows(file: str, body: bytes, columns: list[str]) -> DoubleArray:
    """Parse line by line, which is slow but knows where it is; raises InvalidRecording."""
    table = []
    for line_nr, line in enumerate(body[:-1].split(b"\n"), start=2):
        fields = line.split(b",")
        if len(fields) != len(columns):
            column = columns[min(len(fields), len(columns) - 1)]
            raise _invalid(file, line_nr, column, f"{len(fields)} columns", f"{len(columns)}")
        numbers = [_float(field) for field in fields]
        for column, field, number in zip(columns, fields, numbers, strict=True):
            if not abs(number) <= _FLOAT32_MAX:
                raise _invalid(file, line_nr, column, repr(field[:40].decode(errors="replace")), "a number")
        table.append(numbers)
    return np.array(table)


def _check_times(file: str, times: DoubleArray) -> None:
    backwards = np.flatnonzero(np.diff(times) <= 0)
    if len(backwards):
        row = int(backwards[0])
        raise _invalid(file, row + 3, "t", f"{times[row + 1]:g}", f"a time after {times[row]:g}")


def _float(field: bytes) -> float:
    """The number that `field` holds, NaN if none; Python's digit groups (1_000) are no numbers here."""
    try:
        return math.nan if b"_" in field else float(field)
    except ValueError:
        return math.nan


def _invalid(file: str, line_nr: int, column: str | None, wrong: str, expected: str) -> InvalidRecording:
    place = file + (f", line {line_nr}" if line_nr else "") + (f", column {column}" if column else "")
    return InvalidRecording(f"{place}: {wrong}", expected=expected, remedy="correct or remove the recording")
