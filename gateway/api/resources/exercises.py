"""Exercises: what everyone may use, what a user contributed, and what of it a reviewer accepted."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Response

from actors.known_exercises import KnownExercise, known_exercises
from domain.commands import NO_SESSION, ContributeExercise
from domain.contributed import Contributed, Kind, Movement, Sides
from domain.identifiers import UserId, check_identifier
from gateway.api.conditional import check_holds
from gateway.api.problems import NotFound
from gateway.api.resources.common import By, Cursor, From, Limit, Name, Now, Said, User, router
from persistence.exercises import ExerciseStore

routes = router()


class ExerciseSaid(Said):
    """As a user describes an exercise that the catalogue does not have; `at_ms` is now if it is None."""

    primary: tuple[str, ...]
    movement: Movement
    secondary: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()
    kind: Kind = "compound"
    sides: Sides = "both"
    at_ms: int | None = None


class ExerciseItem(ExerciseSaid):
    name: str
    at_ms: int


class ContributedItem(ExerciseItem):
    user: str


class Accepting(Said):
    """Whose description of the exercise is accepted."""

    user: str


@dataclass(frozen=True, kw_only=True)
class ExercisePage:
    """By name. `next_cursor` gets the page that follows; None on the last one."""

    items: list[KnownExercise]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class OwnExercises:
    items: list[ExerciseItem]


@dataclass(frozen=True, kw_only=True)
class ContributedExercises:
    """By name and user. `next_cursor` gets the page that follows; None on the last one."""

    items: list[ContributedItem]
    next_cursor: str | None


@routes.get("/v1/exercises")
async def exercises(services: From, cursor: Cursor = None, limit: Limit = 100) -> ExercisePage:
    """The catalogue, and what was accepted of what users contributed."""
    known = [
        each for each in await services.reads(known_exercises, services.store) if each.name >= (cursor or "")
    ]
    following = known[limit].name if len(known) > limit else None
    return ExercisePage(items=known[:limit], next_cursor=following)


@routes.get("/v1/users/{user}/exercises")
async def own_exercises(services: From, user: User) -> OwnExercises:
    """What the user contributed."""
    own = (await services.ask(user)).own_exercises
    return OwnExercises(items=[ExerciseItem.model_validate(each) for each in own])


@routes.put("/v1/users/{user}/exercises/{name}")
async def contribute(services: From, user: User, name: Name, said: ExerciseSaid, now_ms: Now) -> ExerciseItem:
    """Describe an exercise of one's own; it is the user's at once."""
    described = said.model_dump() | {"name": name, "at_ms": now_ms if said.at_ms is None else said.at_ms}
    exercise = Contributed(**described)
    told = await services.say(
        user, ContributeExercise(session=NO_SESSION, command_nr=None, exercise=exercise)
    )
    held = next((each for each in told.own_exercises if each.name == name), None)
    check_holds(0 if held is None else held.at_ms, exercise.at_ms)
    return ExerciseItem.model_validate(exercise)


@routes.get("/v1/contributed-exercises")
async def contributed(services: From, cursor: Cursor = None, limit: Limit = 100) -> ContributedExercises:
    """What users contributed, for a reviewer."""
    store = ExerciseStore(services.store)
    found = await services.reads(
        lambda: sorted(store.contributed(), key=lambda each: (each[1].name, each[0]))
    )
    page = [each for each in found if f"{each[1].name}~{each[0]}" >= (cursor or "")][: limit + 1]
    following = f"{page[limit][1].name}~{page[limit][0]}" if len(page) > limit else None
    items = [
        ContributedItem.model_validate(ExerciseItem.model_validate(each).model_dump() | {"user": user})
        for user, each in page[:limit]
    ]
    return ContributedExercises(items=items, next_cursor=following)


@routes.put("/v1/exercises/{name}")
async def accept(services: From, viewer: By, name: Name, accepting: Accepting, now_ms: Now) -> ExerciseItem:
    """Let everyone use what a user contributed."""
    user = UserId(check_identifier("user", accepting.user))
    store, by = ExerciseStore(services.store), viewer.subject or "operator"
    if not await services.reads(store.is_contributed, user, name):
        raise NotFound(f"{user} contributed no exercise {name}", remedy="look at /v1/contributed-exercises")
    accepted = await services.reads(store.accept, user, name, by=by, now_ms=now_ms)
    return ExerciseItem.model_validate(accepted)


@routes.delete("/v1/exercises/{name}", status_code=204)
async def withdraw_exercise(services: From, name: Name) -> Response:
    """Let only those use it who contributed it; of the catalogue nothing can be withdrawn."""
    await services.reads(ExerciseStore(services.store).withdraw, check_identifier("exercise", name))
    return Response(status_code=204)
