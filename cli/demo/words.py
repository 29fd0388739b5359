"""What the demonstration says while it runs: plain lines, and one that is rewritten on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from cli.demo.player import Played
from cli.demo.programme import PlayedSession
from domain.identifiers import UserId
from domain.recording import REST
from edge.protocol import Message


class Words:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._rewrites = out.isatty()
        self._is_open = False

    def say(self, text: str) -> None:
        self._end_line()
        print(text, file=self._out, flush=True)

    def heading(self, text: str) -> None:
        self.say(f"\n== {text}")

    def progress(self, text: str, share: float, *, is_last: bool) -> None:
        """A line of progress; on a terminal it is written over the one before."""
        line = f"   {share:4.0%}  {text}"
        if not self._rewrites:
            print(line, file=self._out, flush=True)
            return
        print(f"\r\x1b[K{line[:150]}", end="\n" if is_last else "", file=self._out, flush=True)
        self._is_open = not is_last

    def expect(self, sessions: Sequence[PlayedSession]) -> None:
        seconds = sum(recording.seconds for session in sessions for recording in session.recordings)
        sets = sum(recording.label != REST for session in sessions for recording in session.recordings)
        self.say(f"   {len(sessions)} sessions, {sets} sets, {seconds / 60:.0f} minutes of exercise and rest")

    def heard(self, user: UserId, site: str, message: Message) -> None:
        """Something of a live session came back."""
        match message["type"]:
            case "set":
                self.say(
                    f"   {user} ({site}): {message['exercise']}, {message['repetitions']} repetitions, "
                    f"confidence {message['confidence']:.2f}"
                )
            case "suggestion":
                weight = message.get("weight_kg")
                load = f" at {weight:g} kg" if weight is not None else ""
                self.say(
                    f"   {user} rests; next: {message['exercise']}, {message['repetitions']}{load} "
                    f"({message['reason']})"
                )
            case "model_taken":
                self.say(f"   {user}: the watch has checked and taken model {message['model']}")

    def done(self, played: Sequence[Played]) -> None:
        frames = sum(len(each.frames) for each in played)
        self.say(
            f"   {frames} frames acknowledged, {sum(len(each.truths) for each in played)} sets confirmed"
        )

    def _end_line(self) -> None:
        if self._is_open:
            self._is_open = False
            print(file=self._out)
