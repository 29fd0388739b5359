"""ZIP archives of text files, written and read as streams, with a manifest of what is in them.

What is read is untrusted: names, sizes and SHA-256 must be those of the manifest, which is checked while a
file is read. Nothing is unpacked to disk, and no more than a line of a file is in memory.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import msgspec

from domain.errors import InvalidArchive

MANIFEST = "manifest.json"
FORMAT = "muvr user export"
FORMAT_VERSION = 1
COMPRESSION = 1  # of 1 to 9: numbers pack hardly better with more, which takes several times as long
FILES_MAX = 50_000
BYTES_MAX = 16 << 30  # of all files of an archive together, unpacked
LINE_BYTES_MAX = 1 << 20
MANIFEST_BYTES_MAX = 32 << 20
_NAME = re.compile(
    r"(?:sensor/[A-Za-z0-9][\w.:@-]{0,63}/[A-Za-z0-9][\w.:@-]{0,63}\.csv|[\w-]{1,40}\.\w{1,8})\Z", re.ASCII
)
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rows` without a heading."""

    name: str
    sha256: str
    bytes: int
    rows: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`event_version` is that of persistence/blobs.py; `deleted_nr` events were deleted before the first."""

    format: str = FORMAT
    version: int = FORMAT_VERSION
    schema_version: int
    event_version: int
    user: str
    exported_ms: int
    event_count: int
    deleted_nr: int
    files: list[File]


class ArchiveFile:
    """A text file of an archive that is being written."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._rows = 0

    def line(self, text: str, *, is_row: bool = True) -> None:
        self._write(text + "\n")
        self._rows += is_row

    def json_line(self, value: Any) -> None:
        self.line(json.dumps(value, ensure_ascii=False))

    def csv_row(self, values: Sequence[object], *, is_row: bool = True) -> None:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerow(values)
        self._write(buffer.getvalue())
        self._rows += is_row

    def entry(self, name: str) -> File:
        return File(name=name, sha256=self._hash.hexdigest(), bytes=self._bytes, rows=self._rows)

    def _write(self, text: str) -> None:
        data = text.encode()
        self._raw.write(data)
        self._hash.update(data)
        self._bytes += len(data)


class ArchiveWriter:
    """Writes to `stream`, which need not be able to go back. `at_ms` dates the files."""

    def __init__(self, stream: IO[bytes], at_ms: int) -> None:
        self._zip = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED)
        self._date = time.gmtime(max(at_ms // 1000, 315_532_800))[:6]  # ZIP knows no time before 1980
        self.files: list[File] = []

    @contextmanager
    def file(self, name: str) -> Iterator[ArchiveFile]:
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED
        info._compresslevel = COMPRESSION  # type: ignore[attr-defined]  # (public in Python 3.13)
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as raw:
            file = ArchiveFile(raw)
            yield file
        self.files.append(file.entry(name))

    def close(self, manifest: Manifest) -> None:
        """Write the manifest, whose hashes are known only now, and end the archive."""
        info = zipfile.ZipInfo(MANIFEST, self._date)
        info.external_attr = 0o600 << 16
        self._zip.writestr(info, json.dumps(msgspec.to_builtins(manifest), indent=1) + "\n")
        self._zip.close()


class ArchiveReader:
    """Reads what `ArchiveWriter` wrote, or so it is said; every method raises InvalidArchive."""

    def __init__(self, stream: IO[bytes], *, bytes_max: int = BYTES_MAX) -> None:
        with _unpacking("the archive"):
            self._zip = zipfile.ZipFile(stream)
        self._infos = _checked(self._zip.infolist(), bytes_max)
        self.manifest = self._read_manifest()
        self._files = {each.name: each for each in self.manifest.files}
        if set(self._files) != set(self._infos) - {MANIFEST} or len(self._files) != len(self.manifest.files):
            raise _wrong("the files are not those that the manifest names")
        for name, file in self._files.items():
            if self._infos[name].file_size != file.bytes:
                raise _wrong(f"{name} has {self._infos[name].file_size} bytes and not {file.bytes}")

    @property
    def names(self) -> list[str]:
        return list(self._files)

    def lines(self, name: str) -> Iterator[str]:
        """The lines of a file. What is wrong with it is known for certain only at its end."""
        file = self._files.get(name)
        if file is None:
            raise _wrong(f"there is no {name}")
        found, size = hashlib.sha256(), 0
        with _unpacking(name), self._zip.open(self._infos[name]) as raw:
            while line := raw.readline(LINE_BYTES_MAX + 1):
                size += len(line)
                if len(line) > LINE_BYTES_MAX or size > file.bytes:
                    raise _wrong(
                        f"{name} has a line of more than {LINE_BYTES_MAX} bytes, or is longer than said"
                    )
                found.update(line)
                yield line.decode()
        if size != file.bytes or found.hexdigest() != file.sha256:
            raise _wrong(f"{name} is not what the manifest says: its SHA-256 differs")

    def csv_rows(self, name: str, heading: Sequence[str]) -> Iterator[list[str]]:
        """The rows of a CSV file, which must have that heading."""
        rows = csv.reader(self.lines(name), strict=True)
        with _unpacking(name):
            if next(rows, None) != list(heading):
                raise _wrong(f"the columns of {name} are not {', '.join(heading)}")
            for row in rows:
                if len(row) != len(heading):
                    raise _wrong(f"a row of {name} has {len(row)} values and not {len(heading)}")
                yield row

    def json_lines(self, name: str) -> Iterator[Any]:
        for line in self.lines(name):
            with _unpacking(name):
                yield json.loads(line)

    def _read_manifest(self) -> Manifest:
        info = self._infos.get(MANIFEST)
        if info is None or info.file_size > MANIFEST_BYTES_MAX:
            raise _wrong(f"there is no {MANIFEST}, or it is too large")
        with _unpacking(MANIFEST), self._zip.open(info) as raw:
            manifest = msgspec.json.decode(raw.read(MANIFEST_BYTES_MAX), type=Manifest)
        if manifest.format != FORMAT or manifest.version != FORMAT_VERSION:
            raise _wrong(f"it is {manifest.format!r:.40} of version {manifest.version}")
        return manifest


def _checked(infos: Sequence[zipfile.ZipInfo], bytes_max: int) -> dict[str, zipfile.ZipInfo]:
    """By name; raises InvalidArchive for what no export has."""
    if len(infos) > FILES_MAX or sum(info.file_size for info in infos) > bytes_max:
        raise _wrong(f"it has more than {FILES_MAX} files, or more than {bytes_max} bytes when unpacked")
    for info in infos:
        if not _NAME.match(info.filename) or ".." in info.filename:
            raise _wrong(f"it has a file {info.filename!r:.80}")
        if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
            raise _wrong(f"{info.filename} is encrypted, or packed in an unknown way")
    found = {info.filename: info for info in infos}
    if len(found) != len(infos):
        raise _wrong("it has two files of one name")
    return found


@contextmanager
def _unpacking(what: str) -> Iterator[None]:
    """What goes wrong while bytes from outside are unpacked and parsed, as an error of ours."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        csv.Error,
        EOFError,
        OSError,
        NotImplementedError,
        RecursionError,
        RuntimeError,
        UnicodeError,
        ValueError,
    ) as error:
        raise _wrong(f"{what} cannot be read ({error})") from error


def _wrong(what: str) -> InvalidArchive:
    return InvalidArchive(
        what, expected="an archive that `muvr users export` wrote", remedy="use the file as it was written"
    )
