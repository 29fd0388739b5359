"""The check that every request passes before its route: by the table in gateway/access.py."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import Request
from fastapi.routing import APIRoute

from domain.errors import NotAuthorised
from domain.identifiers import UserId, check_identifier
from gateway.access import OPEN, ROUTES, Relation, Rule
from gateway.api.problems import Forbidden
from gateway.auth import ANY_USER, SCOPES, Claims, Tokens


@dataclass(frozen=True)
class Viewer:
    """Who asks. `user` is whose things may be seen, None for everyone's; `claims` are None without tokens.

    `wants` is the user by whose grant alone the request may go on.
    """

    user: UserId | None
    claims: Claims | None = None
    wants: UserId | None = None

    @property
    def subject(self) -> UserId | None:
        """Whose token it is."""
        return None if self.claims is None or self.claims.user == ANY_USER else self.claims.user

    @property
    def name(self) -> str:
        """Who sends requests: their keys are their own."""
        return "" if self.claims is None else f"{self.claims.scope} {self.claims.user}"

    def check(self, user: UserId) -> None:
        """Raise Forbidden unless what belongs to `user` may be seen."""
        if self.user not in (None, user):
            raise not_theirs(user)


EVERYONE_MAY_SEE_ALL = Viewer(None)


class Gate:
    """Checks requests against ROUTES. Without `tokens`, or if it `is_open`, everyone may do everything."""

    def __init__(self, tokens: Tokens | None, *, is_open: bool = False) -> None:
        self.tokens = tokens
        self.is_open = is_open or tokens is None

    def __call__(self, request: Request) -> Viewer:
        """The viewer behind `request`; raises NotAuthorised or Forbidden."""
        name = route_name(request)
        rule = ROUTES[name]
        if self.is_open or self.tokens is None or rule is OPEN:
            return EVERYONE_MAY_SEE_ALL
        viewer = _viewer(self.tokens, _token_of(request), rule)
        if "user" not in request.path_params:
            return viewer
        user = UserId(check_identifier("user", request.path_params["user"]))
        if viewer.claims is not None and rule.get(viewer.claims.scope) is Relation.GRANTED:
            return replace(viewer, user=user, wants=user)
        viewer.check(user)
        return viewer


def route_name(request: Request) -> str:
    """As ROUTES has it."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    return f"{request.method} {route.path}"


def not_theirs(user: UserId) -> Forbidden:
    """Says the same whether there is such a user or not."""
    return Forbidden(
        f"the token does not reach {user}'s things",
        expected="their own token, or of someone whom they let",
        remedy="use that",
    )


def _viewer(tokens: Tokens, token: str, rule: Rule) -> Viewer:
    claims = tokens.verify(token, SCOPES)
    relation = rule.get(claims.scope)
    if relation is None:
        raise Forbidden(f"the token's scope is {claims.scope!r}", expected=f"one of {', '.join(rule)}")
    if relation is Relation.ANY:
        return Viewer(None, claims)
    if claims.user == ANY_USER:
        raise Forbidden("the token names no user", expected="a user's or an operator's token")
    return Viewer(claims.user, claims)


def _token_of(request: Request) -> str:
    """Only from its header: what stands in an address is kept in logs and histories."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    raise NotAuthorised(
        "there is no token", expected="Authorization: Bearer TOKEN", remedy="get one with `muvr token`"
    )
