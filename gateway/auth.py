"""Who may do what: signed tokens (JWT, HS256) with scopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jwt

from domain.errors import InvalidInput, NotAuthorised
from domain.identifiers import UserId, check_identifier

Scope = Literal["device", "user", "coach", "operator"]
SCOPES: tuple[Scope, ...] = ("device", "user", "coach", "operator")
ANY_USER = UserId("*")  # the subject of a gateway's token, which carries many users

_ALGORITHM = "HS256"
_REMEDY = "get a new token with `muvr token`"


@dataclass(frozen=True)
class Claims:
    """What a valid token says: its user, or ANY_USER, and its scope."""

    user: UserId
    scope: Scope

    def allows(self, user: UserId) -> bool:
        """True if the token may act for `user`."""
        return self.user in (user, ANY_USER)


class Tokens:
    """Issues and verifies tokens with one secret key. `now_s` is the clock, in seconds since 1970."""

    def __init__(self, key: bytes, now_s: Callable[[], float]) -> None:
        self._key = key
        self._now_s = now_s

    def issue(self, user: UserId, scope: Scope, valid_s: int) -> str:
        """A token for `user`, or for ANY_USER, that expires after `valid_s` seconds."""
        if user != ANY_USER:
            check_identifier("user", user)
        expires_s = int(self._now_s()) + valid_s
        return jwt.encode({"sub": user, "scope": scope, "exp": expires_s}, self._key, algorithm=_ALGORITHM)

    def verify(self, token: str, allowed: tuple[Scope, ...]) -> Claims:
        """The claims of a token of one of the `allowed` scopes, else raises NotAuthorised."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                options={"require": ["exp", "sub"], "verify_exp": False},
            )
        except jwt.InvalidTokenError as error:
            raise NotAuthorised(f"the token is not valid ({error})", remedy=_REMEDY) from error
        if not isinstance(claims["exp"], int) or claims["exp"] <= self._now_s():
            raise NotAuthorised("the token has expired", remedy=_REMEDY)
        scope = claims.get("scope")
        if scope not in allowed:
            raise NotAuthorised(
                f"the token's scope is {scope!r}", expected=f"one of {', '.join(allowed)}", remedy=_REMEDY
            )
        return Claims(_user(claims["sub"]), scope)


def _user(subject: str) -> UserId:
    try:
        return ANY_USER if subject == ANY_USER else UserId(check_identifier("user", subject))
    except InvalidInput as error:
        raise NotAuthorised(f"the token's {error.wrong}", remedy=_REMEDY) from error
