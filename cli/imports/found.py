"""What an import found in its files, what became of it, and the words for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.imports.sending import Sent, Session, written_of
from exchange.planning import Planned
from exchange.workouts import Reading

LINES_SHOWN_MAX = 20  # of what was left out of a file
UNKNOWN_SHOWN_MAX = 20


@dataclass
class File:
    """A file or a directory of recordings: who wrote it, its sessions, and what could not be taken of it."""

    path: Path
    program: str
    sessions: list[Session]
    reading: Reading | None = None
    planned: Planned = field(default_factory=Planned)


@dataclass
class Found:
    """`known` are sessions that were there already; `keeps_unknown`: their sets were taken all the same."""

    files: list[File]
    new: dict[str, list[Session]]  # by program
    known: int
    keeps_unknown: bool
    is_dry: bool
    sent: Sent = field(default_factory=Sent)

    @property
    def left_out(self) -> int:
        unknown = 0 if self.keeps_unknown else sum(file.planned.unknown.total() for file in self.files)
        rows = sum(file.reading.left_out_count for file in self.files if file.reading is not None)
        return rows + unknown + len(self.sent.refused)

    def as_json(self) -> dict[str, Any]:
        return {
            "dry_run": self.is_dry,
            "files": [self._file(file) for file in self.files],
            "new": self._counts(session for sessions in self.new.values() for session in sessions),
            "known_sessions": self.known,
            "taken_sessions": self.sent.taken,
            "refused_sessions": self.sent.refused,
        }

    def lines(self) -> Iterator[str]:
        for file in self.files:
            counts = self._counts(iter(file.sessions))
            yield (
                f"{file.path}: {file.program}, {counts['sessions']} sessions with {counts['sets']} sets "
                f"and {counts['heart_rates']} heart rates"
            )
            yield from self._left_out(file)
        new = self._counts(session for sessions in self.new.values() for session in sessions)
        if self.known:
            yield f"{self.known} sessions were there already"
        what = f"{new['sessions']} sessions with {new['sets']} sets"
        if self.is_dry:
            yield f"nothing was stored (--dry-run): {what} are new"
        else:
            yield f"stored {len(self.sent.taken)} of {what}" if self.sent.refused else f"stored {what}"
        for name, wrong in self.sent.refused.items():
            yield f"refused {name}: {wrong}"

    def _left_out(self, file: File) -> Iterator[str]:
        if file.reading is not None:
            for each in file.reading.left_out[:LINES_SHOWN_MAX]:
                yield f"  line {each.line_nr}: left out: {each.words}"
            if (more := file.reading.left_out_count - LINES_SHOWN_MAX) > 0:
                yield f"  and {more} more were left out"
        unknown = file.planned.unknown
        done = "kept under its own name" if self.keeps_unknown else "left out"
        for name, count in unknown.most_common(UNKNOWN_SHOWN_MAX):
            line = file.planned.unknown_lines[name]
            yield f"  line {line}: nobody knows the exercise {name[:60]!r}: {count} sets {done}"
        if len(unknown) > UNKNOWN_SHOWN_MAX:
            yield f"  and {len(unknown) - UNKNOWN_SHOWN_MAX} more exercises that nobody knows"
        if unknown and not self.keeps_unknown:
            yield "  say what they are with --names FILE, or keep them with --keep-unknown"

    def _file(self, file: File) -> dict[str, Any]:
        reading = file.reading
        return {
            "file": str(file.path),
            "program": file.program,
            **self._counts(iter(file.sessions)),
            "left_out_count": reading.left_out_count if reading is not None else 0,
            "left_out": [
                {"line": each.line_nr, "why": each.words} for each in (reading.left_out if reading else ())
            ],
            "unknown_exercises": [
                {"name": name, "sets": count, "line": file.planned.unknown_lines[name]}
                for name, count in file.planned.unknown.most_common()
            ],
        }

    @staticmethod
    def _counts(sessions: Iterator[Session]) -> dict[str, int]:
        counts: Counter[str] = Counter(sessions=0, sets=0, heart_rates=0)
        for session in map(written_of, sessions):
            counts.update(sessions=1, sets=len(session.sets), heart_rates=len(session.heart_rate))
        return dict(counts)
