"""The parser of `muvr`: usage errors name the sub-command, and every help has examples and exit statuses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

STATUSES = {
    0: "done",
    1: "failed; one line on standard error says why and what to do",
    2: "wrong usage, or a wrong setting in the environment or the file",
    130: "ended by Ctrl-C",
}


class Parser(argparse.ArgumentParser):
    """What one sub-command does not know is its own error, with its own usage."""

    branches: argparse._SubParsersAction[Parser] | None = None

    def add_subparsers(self, **options: Any) -> argparse._SubParsersAction[Parser]:  # type: ignore[override]
        self.branches = super().add_subparsers(**options)
        return self.branches

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        found, unknown = super().parse_known_args(args, namespace)
        if unknown and self.branches is None:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}; `{self.prog} --help` has examples\n")

    def leaves(self) -> Iterator[Parser]:
        """The sub-commands that have no further ones; itself, if it has none."""
        if self.branches is None:
            yield self
            return
        for parser in dict.fromkeys(self.branches.choices.values()):
            yield from parser.leaves()


def explain(
    parser: argparse.ArgumentParser,
    examples: str,
    *,
    statuses: Mapping[int, str] | None = None,
    more: str = "",
) -> None:
    """End the help with `examples`, a line each: the command, and after two spaces what for.

    `statuses` are what this command means by its exit statuses, instead of or beside the usual ones.
    """
    lines = "\n".join(f"  {line.strip()}" for line in examples.splitlines() if line)
    merged = sorted((STATUSES | dict(statuses or {})).items())
    told = "\n".join(f"  {number:<5}{words}" for number, words in merged)
    parser.epilog = f"examples:\n{lines}\n\nexit status:\n{told}" + (f"\n\n{more.strip()}" if more else "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
