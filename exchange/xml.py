"""The elements of an XML file as they end, with their lines: without entities, DTDs or a tree in memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

import defusedxml.sax
from defusedxml import DefusedXmlException

from domain.errors import InvalidFile
from exchange.workouts import FILE_BYTES_MAX

DEPTH_MAX = 64
TEXT_MAX = 20_000  # characters of one element that are kept
_ROOT = re.compile(rb"<(?:[\w-]+:)?(\w+)[\s/>]")


@dataclass(frozen=True, kw_only=True)
class Element:
    """`path` has the local names from the root on, `text` what stood in it, without blanks around."""

    path: tuple[str, ...]
    attributes: dict[str, str]
    text: str
    line_nr: int


def root_of(data: bytes) -> str:
    """The local name of what is probably the root element; empty if there is none near the beginning."""
    found = _ROOT.search(data[:8192])
    return found[1].decode() if found else ""


def parse(data: bytes, file: str, began: Callable[[Element], None], ended: Callable[[Element], None]) -> None:
    """Tell of each element when it begins, still without text, and when it ends.

    Raises InvalidFile for what is no XML, defines entities or nests too deep.
    """
    if len(data) > FILE_BYTES_MAX:
        raise InvalidFile(f"{file} is too long", expected=f"at most {FILE_BYTES_MAX >> 20} MiB")
    handler = _Handler(file, began, ended)
    try:
        defusedxml.sax.parseString(data, handler, forbid_dtd=True)
    except DefusedXmlException as error:
        raise InvalidFile(
            f"{file} defines entities or a document type ({type(error).__name__})",
            expected="plain elements, as programs write them",
        ) from error
    except SAXException as error:
        raise InvalidFile(f"{file}, line {handler.line_nr}: {error.getMessage()}", expected="XML") from error
    except (ValueError, LookupError) as error:
        raise InvalidFile(f"{file}: {error}", expected="XML in a known encoding") from error


class _Handler(ContentHandler):
    def __init__(self, file: str, began: Callable[[Element], None], ended: Callable[[Element], None]) -> None:
        super().__init__()
        self._file, self._began, self._ended = file, began, ended
        self._path: list[str] = []
        self._begun: list[tuple[dict[str, str], int, list[str]]] = []
        self._locator: Any = None
        self._kept = 0  # characters since an element began or ended

    @property
    def line_nr(self) -> int:
        return int(self._locator.getLineNumber() or 0) if self._locator is not None else 0

    def setDocumentLocator(self, locator: Any) -> None:  # noqa: N802
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        if len(self._path) >= DEPTH_MAX:
            raise InvalidFile(f"{self._file}, line {self.line_nr}: elements nest more than {DEPTH_MAX} deep")
        self._kept = 0
        self._path.append(name.rpartition(":")[2])
        attributes = {key.rpartition(":")[2]: value for key, value in attrs.items()}
        self._begun.append((attributes, self.line_nr, []))
        self._began(Element(path=tuple(self._path), attributes=attributes, text="", line_nr=self.line_nr))

    def characters(self, content: str) -> None:
        self._kept += len(content)
        if self._kept <= TEXT_MAX:
            self._begun[-1][2].append(content)

    def endElement(self, name: str) -> None:  # noqa: N802
        attributes, line_nr, parts = self._begun.pop()
        self._kept = 0
        text = "".join(parts).strip()
        self._ended(Element(path=tuple(self._path), attributes=attributes, text=text, line_nr=line_nr))
        self._path.pop()
