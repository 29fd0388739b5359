"""Tips in plain words, with the figure behind each. What a tip says is what was measured, and no more."""

from __future__ import annotations

from dataclasses import replace

from coach.tips.signs import Sign
from domain.form import Tip, TipKind

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def of_sign(sign: Sign, exercise: str, count: int) -> Tip:
    """The tip about a sign in a set of `count` repetitions."""
    texts = {
        "shorter": _shorter,
        "faster": _faster,
        "irregular": _irregular,
        "stuck": _stuck,
        "momentum": _momentum,
    }
    told = replace(sign, figure=round(sign.figure, 3))
    return tip(sign.kind, exercise, texts[sign.kind](told, count), told.figure)


def tip(kind: TipKind, exercise: str, text: str, figure: float, *, stop: bool = False) -> Tip:
    return Tip(kind=kind, exercise=exercise, text=text, figure=round(figure, 3), stop=stop)


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def counted(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def _shorter(sign: Sign, count: int) -> str:
    last = counted(sign.last - sign.first)
    return f"The last {last} repetitions went {percent(sign.figure)} less far than those before."


def _faster(sign: Sign, count: int) -> str:
    which = f"Repetitions {sign.first + 1} to {sign.last}"
    if sign.last >= count:
        which = f"The last {counted(count - sign.first)} repetitions"
    elif sign.first == 0:
        which = f"The first {counted(sign.last)} repetitions"
    return f"{which} were {percent(sign.figure)} faster than the others: keep an even tempo."


def _irregular(sign: Sign, count: int) -> str:
    return f"From one repetition to the next the tempo changed by {percent(sign.figure)}: keep it even."


def _stuck(sign: Sign, count: int) -> str:
    return f"Repetition {sign.first + 1} stood still for {sign.figure:.1f} s on its way."


def _momentum(sign: Sign, count: int) -> str:
    last = counted(sign.last - sign.first)
    return (
        f"In the last {last} repetitions the fastest part was {percent(sign.figure)} faster than before, "
        "beside the rest of it: less swing."
    )
