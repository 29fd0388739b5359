"""Sets and repetitions are scored against what was done, by overlap in time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from cli.demo.player import Played, TrueSet
from cli.demo.programme import PlayedSession
from cli.demo.report import is_whole, table
from cli.demo.scoring import extra_sets, score_sets
from domain.identifiers import SessionId, UserId
from edge.artefact import Artefact
from edge.protocol import Message


def played(*found: Message, truths: list[tuple[int, int, str, int | None]]) -> Played:
    user, session = UserId("ann"), SessionId("s")
    each = Played(PlayedSession(user, "day", ()), session, "server", ("a",))
    each.truths = [TrueSet(user, session, *truth) for truth in truths]
    each.sets = list(found)
    each.model = cast(Artefact, SimpleNamespace(classes=("curl", "row", "rest")))
    return each


def found(start_ms: int, end_ms: int, exercise: str, repetitions: int) -> Message:
    return {
        "start_ms": start_ms,
        "end_ms": end_ms,
        "exercise": exercise,
        "confidence": 0.9,
        "repetitions": repetitions,
    }


def test_of_two_found_sets_the_one_that_overlaps_more_is_scored() -> None:
    each = played(found(0, 2000, "curl", 2), found(2000, 9000, "row", 7), truths=[(0, 9000, "row", 8)])
    (scored,) = score_sets([each])
    assert (scored.recognised, scored.is_right, scored.repetitions_off) == ("row", True, 1)


def test_a_missed_set_is_wrong_and_counts_no_repetitions() -> None:
    each = played(found(20_000, 29_000, "row", 8), truths=[(0, 9000, "row", 8)])
    (scored,) = score_sets([each])
    assert (scored.recognised, scored.is_right, scored.repetitions_off) == (None, False, 8)
    assert extra_sets([each]) == 1


def test_an_exercise_that_was_never_learned_is_right_when_called_unknown() -> None:
    truths = [(0, 9000, "swing", 8), (10_000, 19_000, "swing", 8)]
    each = played(found(0, 9000, "unknown", 8), found(10_000, 19_000, "row", 8), truths=truths)
    assert [scored.is_right for scored in score_sets([each])] == [True, False]
    assert not any(scored.is_learned for scored in score_sets([each]))


def test_one_found_set_answers_for_one_of_two_that_were_done() -> None:
    each = played(found(0, 30_000, "row", 20), truths=[(0, 14_000, "row", 10), (15_000, 30_000, "row", 10)])
    first, second = score_sets([each])
    assert (first.recognised, second.recognised) == (None, "row")


@pytest.mark.parametrize("unknown", [None, 0])
def test_unknown_repetitions_are_not_scored(unknown: int | None) -> None:
    (scored,) = score_sets([played(found(0, 9000, "row", 8), truths=[(0, 9000, "row", unknown)])])
    assert scored.repetitions_off is None


def test_the_table_shows_each_set_in_a_line() -> None:
    scored = score_sets([played(found(0, 9000, "curl", 8), truths=[(0, 9000, "row", 9)])])
    last = table(scored).splitlines()[-1]
    assert all(words in last for words in ("ann", "server", "row", "≠ curl", "0.90", "8 of 9"))


@pytest.mark.parametrize(("acknowledged", "stored", "whole"), [(5, 5, True), (4, 5, False), (5, 4, False)])
def test_a_run_is_whole_only_if_all_was_acknowledged_and_stored(
    acknowledged: int, stored: int, whole: bool
) -> None:
    assert is_whole({"frames": {"sent": 5, "acknowledged": acknowledged, "stored": stored}}) is whole
