"""A fault of a definition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """`path` from the definition's top; `rule` that it breaks; what to do."""

    path: Path
    rule: str
    fix: str
    whose: str = ""  # if not the group's

    @property
    def place(self) -> str:
        return place(self.path)

    def under(self, path: Path) -> Finding:
        return replace(self, path=(*path, *self.path))

    def within(self, whose: str) -> Finding:
        return replace(self, whose=whose)

    def __str__(self) -> str:
        where = f"{self.whose}: " if self.whose else ""
        return f"{where}{self.place}: {self.rule}; {self.fix}"


def place(path: Iterable[str | int]) -> str:
    """As `apps[0].healthChecks[1].portIndex`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "(the whole)"
