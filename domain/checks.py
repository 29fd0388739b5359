"""What fields from outside have to be: checks that name what is wrong and what was expected."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import InvalidInput


def check(holds: bool, wrong: str, expected: str) -> None:
    """Raise InvalidInput, with these words, unless it holds."""
    if not holds:
        raise InvalidInput(wrong, expected=expected, remedy="correct the message")


def check_known(kind: str, names: Sequence[str], known: frozenset[str]) -> None:
    """Raise InvalidInput unless every name is one of `known`, and there are no more of them than of these."""
    check(len(names) <= len(known), f"{len(names)} names of {kind}", f"at most {len(known)}")
    for name in names:
        check(name in known, f"unknown {kind} {name[:32]!r}", f"one of {', '.join(sorted(known))}")
