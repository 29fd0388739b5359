"""Whatever bytes come: a reading, or an error that names the file; in bounded time and memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidFile
from exchange import fit_writing, tcx
from exchange.reading import PROGRAMS, read
from exchange.written import Written
from tests.exchange.files import (
    CLOCK,
    GPX,
    HEVY,
    LAUGHS,
    STRONG,
    STRONG_ANDROID,
    TCX,
    WGER,
    WGER_CSV,
    written,
)

TEXTS = [text.encode() for text in (STRONG, STRONG_ANDROID, HEVY, WGER, WGER_CSV)] + [TCX, GPX]
CELLS = st.sampled_from(
    ["", "0", "-1", "1e999", "nan", "9" * 30, "2026-01-01", '"', "\x00", "é", "kg", "1;2"]
)


def is_answered(data: bytes) -> bool:
    """A reading or the documented error; anything else is raised."""
    try:
        reading = read(data, "file", CLOCK)
    except InvalidFile as error:
        return "file" in str(error)
    return reading.program in PROGRAMS


@st.composite
def broken(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A valid file with some bytes replaced, removed or put in, or cut off."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 8))
        data[place : place + length] = draw(st.binary(max_size=8))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    assert is_answered(data)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"\x0e\x10\x00\x00\x00\x01\x00\x00.FIT", b"<gpx>", b"[", b"Date;"]),
)
def test_any_bytes_behind_a_beginning(data: bytes, begun: bytes) -> None:
    assert is_answered(begun + data)


@given(broken(st.sampled_from(TEXTS)))
def test_broken_texts(data: bytes) -> None:
    assert is_answered(data)


@settings(max_examples=25, deadline=None)
@given(broken(written().map(fit_writing.write)))
def test_broken_fit_files(data: bytes) -> None:
    assert is_answered(data)


@given(broken(written().map(lambda session: tcx.write([session]))))
def test_broken_tcx_files(data: bytes) -> None:
    assert is_answered(data)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=15), max_size=10), st.sampled_from(TEXTS[:3]))
def test_any_cells_under_a_known_header(rows: list[list[str]], text: bytes) -> None:
    header = text.partition(b"\n")[0]
    separator = ";" if b";" in header else ","
    body = "\n".join(separator.join(row) for row in rows)
    assert is_answered(header + b"\n" + body.encode())


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS,
        b'<!DOCTYPE gpx SYSTEM "file:///etc/passwd"><gpx/>',
        b'<!DOCTYPE gpx [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]><gpx><trk><name>&x;</name></trk></gpx>',
        b"<?xml version='1.0'?><!DOCTYPE gpx><gpx/>",
    ],
)
def test_entities_and_document_types_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidFile, match="defines entities or a document type"):
        read(data, "file", CLOCK)


@given(written(), st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=15, deadline=None)
def test_a_changed_byte_of_a_fit_file_is_found_by_its_checksum(
    session: Written, place: int, change: int
) -> None:
    data = bytearray(fit_writing.write(session))
    index = 14 + place % (len(data) - 14)
    data[index] ^= change
    with pytest.raises(InvalidFile):
        read(bytes(data), "file", CLOCK)


def test_a_long_text_of_one_element_is_cut() -> None:
    data = b"<gpx><trk><name>" + b"x" * 10_000_000 + b"</name></trk></gpx>"
    assert is_answered(data)
