"""A handler runs once, whatever it raises."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from thespian.actors import ActorSystem, ActorTypeDispatcher

from actors.handlers import handled_once


class Counter(ActorTypeDispatcher):
    calls = 0

    @handled_once
    def receiveMsg_str(self, message: str, sender: Any) -> str:  # noqa: N802
        Counter.calls += 1
        if message == "raise":
            raise ValueError("out of tune")
        self.send(sender, Counter.calls)
        return message


def test_what_raises_is_logged_and_not_run_again(caplog: pytest.LogCaptureFixture) -> None:
    system = ActorSystem("simpleSystemBase", transientUnique=True, logDefs=False)
    actor = system.createActor(Counter)
    with caplog.at_level(logging.ERROR):
        assert system.ask(actor, "raise", 1) is None
    assert "Counter failed at str" in caplog.text
    assert "out of tune" in caplog.text
    assert system.ask(actor, "go on", 1) == 2
    system.shutdown()


def test_the_handlers_answer_is_kept() -> None:
    counter = Counter()
    counter.send = lambda address, message: None
    assert counter.receiveMsg_str("watch", None) == "watch"
