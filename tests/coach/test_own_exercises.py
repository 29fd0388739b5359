"""An exercise that a user contributed is known by what it trains and needs: to its user, or to all."""

from __future__ import annotations

from coach.catalogue import catalogue, described, meanings
from coach.choice import is_allowed, is_possible, missing, substitute
from coach.habits import learned_all
from coach.recovery import recovery
from coach.suggestion import Situation, suggest
from domain.contributed import Contributed
from domain.training import Place, Training
from tests.coach.training import DAY_MS, MONDAY_MS, several

SLED = Contributed(
    name="sled-push",
    at_ms=0,
    primary=("quadriceps", "glutes"),
    movement="squat",
    equipment=("machine",),
    kind="compound",
)
MORE = described([SLED])
NOW_MS = MONDAY_MS + 9 * DAY_MS


def test_it_is_known_to_who_is_given_it() -> None:
    assert meanings("sled-push") == ()
    (exercise,) = meanings("sled-push", MORE)
    assert (exercise.muscles, exercise.loader) == (("quadriceps", "glutes"), "machine")
    own_squat = Contributed(name="back-squat", at_ms=0, primary=("core",), movement="core")
    assert described([own_squat]) == {}, "the catalogue knows better"
    assert meanings("back-squat", described([own_squat])) == (catalogue()["back-squat"],)


def test_exclusions_and_equipment_hold_for_it() -> None:
    assert is_allowed("sled-push", Training(excluded_muscles=("back",)), MORE)
    assert not is_allowed("sled-push", Training(excluded_muscles=("back",))), "nobody knows what it trains"
    assert not is_allowed("sled-push", Training(excluded_muscles=("glutes",)), MORE)
    cellar = Training(place=Place(name="cellar", equipment=("barbell",)))
    assert not is_possible("sled-push", cellar, MORE)
    assert missing("sled-push", cellar, MORE) == "machine"
    assert substitute("sled-push", cellar, (), MORE) == "bodyweight-squat"


def test_it_may_stand_in_for_another() -> None:
    only = Training(
        place=Place(name="sports-hall", equipment=("machine",)),
        excluded_exercises=tuple(name for name in catalogue() if name != "hack-squat"),
    )
    assert substitute("back-squat", only, ("hack-squat",), MORE) == "sled-push"
    assert substitute("back-squat", only, ("hack-squat",)) is None


def test_what_it_trains_recovers_and_it_is_replaced_where_it_cannot_be_done() -> None:
    history = [*several([0, 2, 4], *[("sled-push", 10, 50.0)] * 3)]
    assert recovery(history, "now", history[-1].end_ms + 3_600_000) == {}
    assert set(recovery(history, "now", history[-1].end_ms + 3_600_000, MORE)) == {"quadriceps", "glutes"}
    situation = Situation(
        habits=learned_all(history),
        history=history,
        training=Training(place=Place(name="hotel", equipment=())),
        session="now",
        at_ms=NOW_MS,
        more=MORE,
    )
    found = suggest(situation)
    assert found is not None
    assert found.exercise == "bodyweight-squat"
    assert "instead of sled-push, which needs a machine" in found.reason
    at_home = Situation(
        habits=learned_all(history), history=history, training=Training(), session="now", at_ms=NOW_MS
    )
    assert suggest(at_home) is not None
