"""A CSV file of another program as rows by column, with their lines; encodings, separators and limits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.errors import InvalidFile
from exchange.workouts import FILE_BYTES_MAX

ROWS_MAX = 1_000_000
COLUMNS_MAX = 100
FIELD_MAX = 20_000  # characters; notes are the longest
SEPARATORS = ",;\t"


@dataclass(frozen=True, kw_only=True)
class Row:
    """`fields` by the header's names in lower case, without blanks around; missing ones are empty."""

    line_nr: int
    fields: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields.get(column, "")


def decoded(data: bytes, file: str) -> str:
    """UTF-8, or UTF-16 with a byte order mark; raises InvalidFile with the line."""
    if len(data) > FILE_BYTES_MAX:
        raise InvalidFile(f"{file} is too long", expected=f"at most {FILE_BYTES_MAX >> 20} MiB")
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line_nr = data[:start].count(b"\n") + 1
        raise InvalidFile(
            f"{file}, line {line_nr}: the text is no {encoding.removesuffix('-sig').upper()}",
            remedy="save it as UTF-8",
        ) from error


def header_of(text: str) -> tuple[str, list[str]]:
    """The separator and the column names of the first line, in lower case."""
    first = text.lstrip("\r\n").partition("\n")[0][:FIELD_MAX]
    separator = max(SEPARATORS, key=lambda each: len(_split(first, each)))
    return separator, [name.strip().lower() for name in _split(first, separator)]


def rows(text: str, file: str) -> Iterator[Row]:
    """The rows below the header; raises InvalidFile with the line for what is no CSV."""
    separator, header = header_of(text)
    if len(header) > COLUMNS_MAX or len(set(header)) != len(header):
        raise InvalidFile(f"{file}, line 1: {len(header)} columns", expected="at most 100, each name once")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for count, fields in enumerate(_rows(reader)):
            if count == 0:
                continue
            if count > ROWS_MAX:
                raise InvalidFile(f"{file} has too many rows", expected=f"at most {ROWS_MAX}")
            if len(fields) > len(header):
                raise InvalidFile(
                    f"{file}, line {reader.line_num}: {len(fields)} columns", expected=f"{len(header)}"
                )
            cells = dict(zip(header, (field.strip() for field in fields), strict=False))
            yield Row(line_nr=reader.line_num, fields=cells)
    except csv.Error as error:
        raise InvalidFile(
            f"{file}, line {reader.line_num}: {error}", expected="comma-separated values"
        ) from error


def _rows(reader: Iterator[list[str]]) -> Iterator[Sequence[str]]:
    for fields in reader:
        if any(len(field) > FIELD_MAX for field in fields):
            raise csv.Error(f"a field of more than {FIELD_MAX} characters")
        if any(fields):
            yield fields


def _split(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []
