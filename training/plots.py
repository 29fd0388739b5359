"""Confusion matrices and learning curves as SVG, which every browser shows and no library is needed for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

CELL = 26.0
FONT = "font-family='system-ui, Helvetica, Arial, sans-serif'"
CHARACTER = 6.4  # width of a letter of 11 pixels, about
SHADE_POWER = 0.6  # few confusions shall be seen too
WIDTH, HEIGHT = 560.0, 320.0
MARGIN = 52.0


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One epoch: the training loss and, while something was held out, the macro F1 on it."""

    epoch: int
    loss: float
    f1: float | None


def confusion_svg(confusion: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> str:
    """A table of counts [classes, classes]: rows are labels, columns the names given, shaded by share."""
    left = 24 + CHARACTER * max(map(len, classes))
    side = CELL * len(classes)
    parts = [_text(left, 20, title, size=14, weight=600)]
    top = 40 + left * 0.75
    for index, name in enumerate(classes):
        at = index * CELL + CELL / 2
        parts.append(_text(left - 8, top + at + 4, name, anchor="end"))
        parts.append(_text(left + at, top - 8, name, turn=-45))
    for row, counts in enumerate(confusion):
        total = max(1, sum(counts))
        for column, count in enumerate(counts):
            x, y = left + column * CELL, top + row * CELL
            parts.append(_cell(x, y, count, count / total, is_right=row == column))
            told = f"{classes[row]} named {classes[column]}: {count} of {sum(counts)}"
            parts.append(_count(x, y, count, count / total, told))
    parts.append(
        _text(left, top + side + 20, "rows: what was done; columns: what it was named", colour="#667")
    )
    return _svg(left + side + left * 0.75, top + side + 36, parts)


def curves_svg(points: Sequence[CurvePoint], title: str) -> str:
    """Loss and macro F1 by epoch; each on its own scale, F1 from 0 to 1 on the left."""
    losses = [point.loss for point in points] or [1.0]
    highest = max(*losses, 1e-9)
    last = max((point.epoch for point in points), default=1)

    def place(epoch: int, share: float) -> tuple[float, float]:
        across = (epoch - 1) / max(1, last - 1)
        return MARGIN + across * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)

    parts = [_text(MARGIN, 24, title, size=14, weight=600)]
    for tenth in range(0, 11, 2):
        _, y = place(1, tenth / 10)
        parts.append(f"<path d='M{MARGIN:.1f} {y:.1f}H{WIDTH - MARGIN:.1f}' stroke='#dde' fill='none'/>")
        parts.append(_text(MARGIN - 8, y + 4, f"{tenth / 10:.1f}", anchor="end", colour="#1668c7"))
        parts.append(_text(WIDTH - MARGIN + 8, y + 4, f"{highest * tenth / 10:.2g}", colour="#b4491f"))
    for epoch in sorted({1, (last + 1) // 2, last}):
        parts.append(_text(place(epoch, 0)[0], HEIGHT - MARGIN + 18, str(epoch), anchor="middle"))
    parts.append(_line([place(point.epoch, point.loss / highest) for point in points], "#b4491f"))
    parts.append(_line([place(point.epoch, point.f1) for point in points if point.f1 is not None], "#1668c7"))
    parts.append(_text(MARGIN, HEIGHT - 10, "macro F1, held out", colour="#1668c7"))
    parts.append(_text(WIDTH / 2, HEIGHT - 10, "epoch", anchor="middle", colour="#667"))
    parts.append(_text(WIDTH - MARGIN, HEIGHT - 10, "training loss", anchor="end", colour="#b4491f"))
    return _svg(WIDTH, HEIGHT, parts)


def _cell(x: float, y: float, count: int, share: float, *, is_right: bool) -> str:
    colour = "#1668c7" if is_right else "#c2371d"
    strength = share**SHADE_POWER if count else 0.0
    inner = CELL - 1
    background = f"<rect x='{x:.1f}' y='{y:.1f}' width='{inner}' height='{inner}' fill='#f1f2f6'/>"
    if not count:
        return background
    return background + (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{inner}' height='{inner}' fill='{colour}' "
        f"fill-opacity='{strength:.3f}'/>"
    )


def _count(x: float, y: float, count: int, share: float, told: str) -> str:
    colour = "#fff" if share**SHADE_POWER > 0.5 else "#223"
    size = 9 if count < 1000 else 7
    words = str(count) if count else ""
    return _text(x + CELL / 2, y + CELL / 2 + 4, words, anchor="middle", size=size, colour=colour, told=told)


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='2.5' fill='{colour}'/>" for x, y in points)
    return f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>" + dots


def _text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: int = 11,
    weight: int = 400,
    colour: str = "#223",
    turn: int = 0,
    told: str = "",
) -> str:
    """`told` is shown where the pointer rests."""
    turned = f" transform='rotate({turn} {x:.1f} {y:.1f})'" if turn else ""
    hint = f"<title>{escape(told)}</title>" if told else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' font-weight='{weight}' "
        f"fill='{colour}'{turned}>{hint}{escape(words)}</text>"
    )


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    size = f"width='{width:.0f}' height='{height:.0f}' viewBox='0 0 {width:.0f} {height:.0f}'"
    body = "\n".join(parts)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT}>\n"
        f"<rect width='100%' height='100%' fill='#fff'/>\n{body}\n</svg>\n"
    )
