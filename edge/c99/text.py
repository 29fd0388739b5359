"""C tables as text: lines of numbers, floats that lose no bit, strings that hold any character."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

LINE_WIDTH_MAX = 110


def lines(items: Iterable[str], indent: str = "    ") -> str:
    """`items`, a comma after each, in lines of bounded width; long ones in braces get lines of their own."""
    done: list[str] = []
    line = indent
    for item in items:
        if len(indent) + len(item) > LINE_WIDTH_MAX - 1 and item.startswith("{"):
            inner = lines(item[1:-1].split(", "), indent + "    ")
            done += [line.rstrip(), f"{indent}{{\n{inner}\n{indent}}},"]
            line = indent
            continue
        if len(line) + len(item) > LINE_WIDTH_MAX - 1:
            done.append(line.rstrip())
            line = indent
        line += f"{item}, "
    return "\n".join(part for part in [*done, line.rstrip()] if part)


def table(declaration: str, items: Iterable[str], comment: str = "") -> str:
    """A constant array; `declaration` is as in `const int8_t weights[42]`."""
    head = f"/* {comment} */\n" if comment else ""
    return f"{head}{declaration} = {{\n{lines(items)}\n}};\n"


def integers(values: Iterable[int]) -> Iterable[str]:
    """Any int32; the lowest has no literal of its own in C."""
    return (str(int(v)) if v != -(2**31) else "(-2147483647 - 1)" for v in values)


def single(value: float) -> str:
    """`value` rounded to float32, as a literal that C reads as the same float32."""
    rounded = float(np.float32(value))
    return f"{rounded!r}f" if np.isfinite(rounded) else _not_finite(rounded)


def double(value: float) -> str:
    """A literal that C reads as the same float64; finite values only."""
    return repr(float(value))


def string(text: str) -> str:
    """A C string of UTF-8 bytes; what is not plain is written in octal, so that nothing runs into it."""
    plain = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return '"' + "".join(plain) + '"'


def comment_safe(text: str) -> str:
    """`text` as it may stand in a comment."""
    return text.replace("*/", "* /").replace("\n", " ").replace("\\", "/")


def _not_finite(value: float) -> str:
    """C99's NAN and INFINITY of math.h."""
    if np.isnan(value):
        return "NAN"
    return "INFINITY" if value > 0 else "-INFINITY"
