"""How people sign in with an OpenID Connect provider; the outcome is a login like others."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Annotated

from fastapi import Request, Response
from pydantic import StringConstraints

from domain.errors import NotAuthorised
from domain.identifiers import DeviceId
from gateway.api.oidc import Attempt
from gateway.api.oidc_provider import Provider
from gateway.api.problems import NotFound
from gateway.api.resources.accounts import TokenPair, address_of, pair_of, tokens_of
from gateway.api.resources.common import From, Now, Said, router
from gateway.api.services import Services
from persistence.logins import LoginStore

routes = router()

ATTEMPT_SECONDS = 600  # from leaving for the provider until coming back
COOKIE_CHARACTERS_MAX = 1024
PAGE = DeviceId("page")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SignInOffered:
    """`provider` is what to call it; None: there is none."""

    provider: str | None


@dataclass(frozen=True, kw_only=True)
class SignInBegun:
    """Where the browser goes next; it has a cookie by which it is known when it comes back."""

    authorization_url: str


class ReturnSaid(Said):
    """With what the provider sent the browser back."""

    code: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,4096}$")]  # RFC 6749, appendix A.11
    state: Annotated[str, StringConstraints(max_length=256)]
    iss: Annotated[str, StringConstraints(max_length=1024)] | None = None


@routes.get("/v1/oidc")
async def offered(services: From) -> SignInOffered:
    """Whether people sign in with a provider here."""
    return SignInOffered(provider=services.provider.settings.name if services.provider else None)


@routes.post("/v1/oidc/begin")
async def begin(services: From, request: Request, response: Response) -> SignInBegun:
    """Begin to sign in with the provider."""
    provider = _provider(services)
    services.rates.check(f"oidc {address_of(request)}")
    tokens, attempt = tokens_of(services), Attempt.new()
    url = await services.provider_reads(provider.begin, attempt)
    response.set_cookie(
        provider.settings.cookie,
        tokens.issue_attempt(attempt.seed, ATTEMPT_SECONDS),
        max_age=ATTEMPT_SECONDS,
        path="/",
        secure=provider.settings.is_secure,
        httponly=True,
        samesite="strict",  # the page asks for it, not the provider
    )
    return SignInBegun(authorization_url=url)


@routes.post("/v1/oidc/exchange")
async def finish(
    services: From, said: ReturnSaid, now_ms: Now, request: Request, response: Response
) -> TokenPair:
    """Exchange what the provider sent the browser back with for tokens."""
    provider = _provider(services)
    services.rates.check(f"oidc {address_of(request)}")
    tokens, cookie = tokens_of(services), provider.settings.cookie
    kept = request.cookies.get(cookie)
    if kept is None:
        raise NotAuthorised("this sign-in was not begun in this browser", remedy="sign in again")
    attempt = Attempt(tokens.verify_attempt(kept[:COOKIE_CHARACTERS_MAX]))
    attempt.check_state(said.state)
    person = await services.provider_reads(provider.finish, attempt, said.code, said.iss)
    login = await services.reads(LoginStore(services.store).begin, person.user, PAGE, person.scope, now_ms)
    _log.info("%s (%s) is %r at the provider, and signed in", person.user, person.scope, person.subject)
    response.delete_cookie(
        cookie, path="/", secure=provider.settings.is_secure, httponly=True, samesite="strict"
    )
    return pair_of(tokens, login)


def _provider(services: Services) -> Provider:
    if services.provider is None:
        raise NotFound("there is no provider to sign in with", remedy="use a token or a code")
    return services.provider
