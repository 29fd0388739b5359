"""How a user wants to train: goal, exclusions, the place with its equipment; and what is planned."""

from __future__ import annotations

from fastapi import Request, Response

from domain.commands import NO_SESSION, SetPlan, SetTraining
from domain.plans import PlannedExercise, PlanSession, TrainingPlan
from domain.training import Goal, Place, Training
from gateway.api.conditional import check_holds, replacing, tag_of
from gateway.api.resources.common import By, From, Now, Said, User, router

routes = router()


class PlaceSaid(Said):
    """Where a user trains and what can be loaded there, in kg; `equipment` None: there is everything."""

    name: str
    equipment: tuple[str, ...] | None = None
    bar_kg: float = 20.0
    plates_kg: tuple[float, ...] = ()
    dumbbells_kg: tuple[float, ...] = ()
    stacks_kg: tuple[float, ...] = ()


class TrainingSaid(Said):
    """As a whole; `at_ms` is when the user said so, now if it is None."""

    goal: Goal | None = None
    excluded_exercises: tuple[str, ...] = ()
    excluded_muscles: tuple[str, ...] = ()
    place: PlaceSaid | None = None
    utc_offset_min: int = 0
    at_ms: int | None = None


class TrainingItem(TrainingSaid):
    """`at_ms` is 0 if nothing was said yet."""

    at_ms: int


class PlannedExerciseSaid(Said):
    """`share` is of the estimated one-repetition maximum, where no `weight_kg` is given."""

    exercise: str
    set_count: int
    repetitions: int
    weight_kg: float | None = None
    share: float | None = None
    rest_s: int | None = None


class PlanSessionSaid(Said):
    """On `weekday`, 0 is Monday; or, if that is None, whenever the session before it was done."""

    name: str
    exercises: tuple[PlannedExerciseSaid, ...]
    weekday: int | None = None


class PlanSaid(Said):
    """As a whole; without sessions there is no plan any more. `at_ms` is now if it is None."""

    sessions: tuple[PlanSessionSaid, ...] = ()
    author: str | None = None
    at_ms: int | None = None


class PlanItem(PlanSaid):
    """`author` is None and `at_ms` 0 if nothing was planned yet."""

    at_ms: int = 0


@routes.get("/v1/users/{user}/training")
async def training(services: From, user: User, response: Response) -> TrainingItem:
    """Goal, exclusions, place and equipment; its ETag is for If-Match."""
    return _trained((await services.ask(user)).training, response)


@routes.put("/v1/users/{user}/training")
async def set_training(
    services: From, user: User, said: TrainingSaid, now_ms: Now, request: Request, response: Response
) -> TrainingItem:
    """Replace it; with If-Match only if it is what was read."""
    content = said.model_dump(exclude={"place", "at_ms"})
    place = None if said.place is None else Place(**said.place.model_dump())
    wishes = Training(at_ms=now_ms if said.at_ms is None else said.at_ms, place=place, **content)
    command = SetTraining(session=NO_SESSION, command_nr=None, training=wishes)
    held = (await services.say(user, replacing(request, command))).training
    check_holds(held.at_ms, wishes.at_ms)
    return _trained(held, response)


@routes.get("/v1/users/{user}/plan")
async def plan(services: From, user: User, response: Response) -> PlanItem:
    """The sessions that are planned; its ETag is for If-Match."""
    return _planned((await services.ask(user)).plan, response)


@routes.put("/v1/users/{user}/plan")
async def set_plan(
    services: From,
    user: User,
    viewer: By,
    said: PlanSaid,
    now_ms: Now,
    request: Request,
    response: Response,
) -> PlanItem:
    """Replace the plan; with If-Match only if it is the one that was read."""
    made = TrainingPlan(
        at_ms=now_ms if said.at_ms is None else said.at_ms,
        author=said.author or viewer.subject or user,
        sessions=tuple(
            PlanSession(
                name=each.name,
                weekday=each.weekday,
                exercises=tuple(PlannedExercise(**one.model_dump()) for one in each.exercises),
            )
            for each in said.sessions
        ),
    )
    command = SetPlan(session=NO_SESSION, command_nr=None, plan=made)
    held = (await services.say(user, replacing(request, command))).plan
    check_holds(0 if held is None else held.at_ms, made.at_ms)
    return _planned(held, response)


def _trained(held: Training, response: Response) -> TrainingItem:
    response.headers["ETag"] = tag_of(held.at_ms)
    return TrainingItem.model_validate(held)


def _planned(held: TrainingPlan | None, response: Response) -> PlanItem:
    item = PlanItem() if held is None else PlanItem.model_validate(held)
    response.headers["ETag"] = tag_of(item.at_ms)
    return item
