"""A Cassandra that is there and too busy to answer is asked again; one that is not there is told at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cassandra
import pytest
from cassandra.cluster import NoHostAvailable

from domain.errors import ConfigurationError
from persistence.cassandra import connection
from persistence.cassandra.settings import parse_location

HOST = "127.0.0.1:9042"
SLOW = NoHostAvailable("", {HOST: cassandra.OperationTimedOut("no answer")})
GONE = NoHostAvailable("", {HOST: ConnectionRefusedError(111, "Connection refused")})
STRANGER = NoHostAvailable("", {HOST: cassandra.AuthenticationFailed("Bad credentials")})


def connected(monkeypatch: pytest.MonkeyPatch, answers: list[Any], retry_seconds: float) -> Any:
    """What `connect` gives when the nodes answer so, one try after the other."""

    def session(settings: object) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(connection, "_session", session)
    return connection.connect(parse_location(f"cassandra://{HOST}/muvr?retry-seconds={retry_seconds}"))


def test_a_busy_node_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    session = SimpleNamespace()
    answers = [SLOW, SLOW, session]
    assert connected(monkeypatch, answers, 60) is session
    assert answers == []


def test_it_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="no answer in time"):
        connected(monkeypatch, [SLOW, SLOW], 0)


@pytest.mark.parametrize(
    ("answer", "words"), [(GONE, "Connection refused"), (STRANGER, "does not know users without a name")]
)
def test_what_another_try_does_not_change_is_told_at_once(
    answer: NoHostAvailable, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        connected(monkeypatch, [answer], 60)
