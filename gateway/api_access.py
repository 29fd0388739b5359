"""Who may read what over HTTP: one table, and the check that every route passes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fastapi import Request
from fastapi.routing import APIRoute

from domain.errors import NotAuthorised
from domain.identifiers import UserId, check_identifier
from gateway.api_problems import Forbidden
from gateway.auth import ANY_USER, SCOPES, Scope, Tokens


class Access(Enum):
    OPEN = "everyone, without a token"
    OWN = "operators; users what is theirs and what is everyone's"
    OPERATOR = "operators"


ACCESS: dict[str, Access] = {
    "/health": Access.OPEN,
    "/ready": Access.OPEN,
    "/metrics": Access.OPERATOR,
    "/v1/openapi.json": Access.OPEN,
    "/v1/live": Access.OWN,
    "/v1/live/events": Access.OWN,
    "/v1/users": Access.OWN,
    "/v1/users/{user}/sessions": Access.OWN,
    "/v1/users/{user}/sessions/{session}": Access.OWN,
    "/v1/models": Access.OWN,
    "/v1/models/{model_id}": Access.OWN,
    "/v1/nights": Access.OPERATOR,
}

# A browser's EventSource cannot send headers, so here the token may stand in the address.
TOKEN_IN_QUERY = frozenset({"/v1/live/events"})

_SCOPES: dict[Access, tuple[Scope, ...]] = {Access.OWN: ("user", "operator"), Access.OPERATOR: ("operator",)}


@dataclass(frozen=True)
class Viewer:
    """Who asks: one user, or, if `user` is None, someone who may see everyone."""

    user: UserId | None

    def check(self, user: UserId) -> None:
        """Raise Forbidden unless what belongs to `user` may be seen."""
        if self.user not in (None, user):
            raise Forbidden(
                f"the token is not {user}'s", expected="their token or an operator's", remedy="use that"
            )


EVERYONE_MAY_SEE_ALL = Viewer(None)


class Gate:
    """Checks requests against ACCESS. Without `tokens`, everyone may see everything."""

    def __init__(self, tokens: Tokens | None) -> None:
        self._tokens = tokens

    def __call__(self, request: Request) -> Viewer:
        """The viewer behind `request`; raises NotAuthorised or Forbidden."""
        route = request.scope["route"]
        assert isinstance(route, APIRoute)
        access = ACCESS[route.path]
        if self._tokens is None or access is Access.OPEN:
            return EVERYONE_MAY_SEE_ALL
        viewer = _viewer(self._tokens, _token_of(request, route.path), access)
        if "user" in request.path_params:
            user = UserId(check_identifier("user", request.path_params["user"]))
            viewer.check(user)
        return viewer


def _viewer(tokens: Tokens, token: str, access: Access) -> Viewer:
    claims = tokens.verify(token, SCOPES)
    if claims.scope not in _SCOPES[access]:
        raise Forbidden(
            f"the token's scope is {claims.scope!r}", expected=f"one of {', '.join(_SCOPES[access])}"
        )
    if claims.scope == "operator":
        return Viewer(None)
    if claims.user == ANY_USER:
        raise Forbidden("the token names no user", expected="a user's or an operator's token")
    return Viewer(claims.user)


def _token_of(request: Request, path: str) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    if path in TOKEN_IN_QUERY and "token" in request.query_params:
        return request.query_params["token"]
    raise NotAuthorised(
        "there is no token", expected="Authorization: Bearer TOKEN", remedy="get one with `muvr token`"
    )
