"""What every route may ask for: the services behind it, who asks, pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, model_validator

from domain.identifiers import UserId, check_identifier
from gateway.api.gate import Viewer
from gateway.api.openapi import PROBLEM
from gateway.api.route import ApiRoute
from gateway.api.services import Services, attended, said_ms_of, services_of, viewer_of

LIMIT_MAX = 200


class Said(BaseModel):
    """What a body may contain, and nothing else; made of the domain's values, too."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    @model_validator(mode="before")
    @classmethod
    def _has_no_huge_number(cls, said: object) -> object:
        """JSON's integers have no end; those of msgpack and of the stores do."""
        for name, value in said.items() if isinstance(said, dict) else ():
            for each in value if isinstance(value, list) else (value,):
                if isinstance(each, int) and not -(2**63) <= each < 2**63:
                    raise ValueError(f"{str(name)[:80]} is an integer of more than 64 bits")
        return said


def router() -> APIRouter:
    """Every route passes the gate and the audit log, also one that asks for nothing else."""
    needed = [Depends(viewer_of), Depends(attended)]
    return APIRouter(dependencies=needed, route_class=ApiRoute, responses=PROBLEM)


async def user_of(user: Annotated[str, InPath(max_length=64)]) -> UserId:
    return UserId(check_identifier("user", user))


async def _services_of(request: Request) -> Services:
    """Not in a thread, where the framework calls what does not say `async`."""
    return services_of(request)


From = Annotated[Services, Depends(_services_of)]
By = Annotated[Viewer, Depends(viewer_of)]
User = Annotated[UserId, Depends(user_of)]
Now = Annotated[int, Depends(said_ms_of)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str | None, Query(max_length=128)]
Name = Annotated[str, InPath(max_length=64)]
