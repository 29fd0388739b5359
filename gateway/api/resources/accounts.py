"""How devices and apps are let in, stay in, and are shut out: pairing codes, refresh tokens, revocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi import Request, Response

from domain.errors import NotAuthorised
from domain.frames import EPOCH_MS_MAX
from domain.identifiers import DeviceId, UserId, check_identifier
from gateway.api.problems import Forbidden, NotFound
from gateway.api.resources.common import By, From, Name, Now, Said, User, router
from gateway.api.services import Services
from gateway.auth import ACCESS_SECONDS, Scope, Tokens
from persistence.api_tables import LoginRow
from persistence.logins import REFRESH_MS, LoginEnded, LoginStore
from persistence.pairings import PairingStore
from persistence.revocations import LOGIN, TOKEN, USER, RevocationStore

routes = router()

TOKEN_CHARACTERS_MAX = 2048
LOGIN_TOKENS_MS = 2 * 1000 * max(ACCESS_SECONDS.values())  # by then the last access token of a login is over


class PairingAsked(Said):
    """What the code lets in: a device, or an app of the user; an operator may let in a coach, too."""

    scope: Literal["device", "user", "coach"] = "device"


class CodeSaid(Said):
    """A code as it was typed, and the name of what is to be let in."""

    code: str
    device: str


class RefreshSaid(Said):
    refresh_token: str


@dataclass(frozen=True, kw_only=True)
class PairingCode:
    """Good once, until `expires_ms`."""

    code: str
    expires_ms: int


@dataclass(frozen=True, kw_only=True)
class TokenPair:
    """The access token is good for `expires_s` seconds; the refresh token gets the next two, once."""

    user: str
    scope: str
    access_token: str
    expires_s: int
    refresh_token: str
    token_type: str = "Bearer"


@dataclass(frozen=True, kw_only=True)
class DeviceItem:
    """A device, or an app, that was let in; `login` names it, `used_ms` is when it refreshed its token."""

    login: str
    device: str
    scope: str
    begun_ms: int
    used_ms: int
    expires_ms: int


@dataclass(frozen=True, kw_only=True)
class DeviceList:
    items: list[DeviceItem]


@routes.post("/v1/users/{user}/pairings", status_code=201)
async def offer_pairing(
    services: From, user: User, viewer: By, asked: PairingAsked, now_ms: Now, request: Request
) -> PairingCode:
    """A short code that a device is given, to exchange it for its tokens."""
    services.rates.check(f"offer {address_of(request)}")
    if asked.scope == "coach" and viewer.user is not None:
        raise Forbidden("a user's token lets no coach in", expected="an operator's token")
    pairings = PairingStore(services.store)
    code, expires_ms = await services.reads(pairings.offer, user, asked.scope, now_ms)
    return PairingCode(code=code, expires_ms=expires_ms)


@routes.post("/v1/pairings/exchange")
async def exchange(services: From, said: CodeSaid, now_ms: Now, request: Request) -> TokenPair:
    """Exchange a pairing code for tokens."""
    services.rates.check(f"exchange {address_of(request)}")
    tokens = tokens_of(services)
    device = DeviceId(check_identifier("device", said.device))
    paired = await services.reads(PairingStore(services.store).take, said.code[:64], now_ms)
    logins = LoginStore(services.store)
    login = await services.reads(logins.begin, UserId(paired.user_id), device, paired.scope, now_ms)
    return pair_of(tokens, login)


@routes.post("/v1/tokens/refresh")
async def refresh(services: From, said: RefreshSaid, now_ms: Now, request: Request) -> TokenPair:
    """Exchange a refresh token for an access token and the next refresh token.

    One that was used before ends the login, as somebody else has it.
    """
    services.rates.check(f"refresh {address_of(request)}")
    tokens = tokens_of(services)
    known = tokens.verify_refresh(said.refresh_token[:TOKEN_CHARACTERS_MAX])
    try:
        login = await services.reads(
            LoginStore(services.store).refresh, known.login, known.refresh_nr, now_ms
        )
    except LoginEnded as error:
        if error.login is not None:
            await _revoke(services, LOGIN, error.login.login_id, now_ms, now_ms + LOGIN_TOKENS_MS)
        raise
    return pair_of(tokens, login)


@routes.delete("/v1/tokens/current", status_code=204)
async def sign_out(services: From, viewer: By, now_ms: Now) -> Response:
    """The token that this request has is good no more, nor is the login that it came from."""
    if viewer.claims is None:
        raise NotFound("no token was asked for", remedy="there is nothing to revoke")
    if viewer.claims.login:
        await _end(services, viewer.claims.login, now_ms)
    else:
        until_ms = round(viewer.claims.expires_s * 1000)
        await _revoke(services, TOKEN, viewer.claims.token_id, now_ms, until_ms)
    return Response(status_code=204)


@routes.delete("/v1/users/{user}/tokens", status_code=204)
async def sign_out_everywhere(services: From, user: User, now_ms: Now) -> Response:
    """All tokens of the user that were issued until now are good no more, those of their devices as well."""
    logins = LoginStore(services.store)
    for row in await services.reads(logins.of_user, user):
        await services.reads(logins.end, row, now_ms)
    await _revoke(services, USER, user, now_ms, EPOCH_MS_MAX)
    return Response(status_code=204)


@routes.get("/v1/users/{user}/devices")
async def devices(services: From, user: User, now_ms: Now) -> DeviceList:
    """Devices and apps that are let in by a code; there are few of them."""
    rows = await services.reads(LoginStore(services.store).of_user, user)
    live = [row for row in rows if row.ended_at is None and row.expires_at > now_ms]
    return DeviceList(items=[_item(row) for row in sorted(live, key=lambda row: -row.refreshed_at)])


@routes.delete("/v1/users/{user}/devices/{login}", status_code=204)
async def shut_out(services: From, user: User, login: Name, now_ms: Now) -> Response:
    """The device is let in no more; what it is connected to closes within seconds."""
    found = await services.reads(LoginStore(services.store).find, check_identifier("login", login))
    if found is None or found.user_id != user:
        raise NotFound(f"{user} has no login {login}", remedy="list the devices")
    await _end(services, login, now_ms)
    return Response(status_code=204)


def address_of(request: Request) -> str:
    """Where a request came from; behind a proxy that is the proxy."""
    return request.client.host if request.client is not None else ""


def tokens_of(services: Services) -> Tokens:
    """Raises NotAuthorised where there are none."""
    if services.gate.tokens is None:
        raise NotAuthorised("nothing asks for tokens here", remedy="start muvr with tokens")
    return services.gate.tokens


def pair_of(tokens: Tokens, login: LoginRow) -> TokenPair:
    """The tokens of a login as it stands."""
    scope: Scope = login.scope  # type: ignore[assignment]
    valid_s = ACCESS_SECONDS[scope]
    return TokenPair(
        user=login.user_id,
        scope=scope,
        access_token=tokens.issue(UserId(login.user_id), scope, valid_s, login=login.login_id),
        expires_s=valid_s,
        refresh_token=tokens.issue_refresh(login.login_id, login.refresh_nr, REFRESH_MS // 1000),
    )


async def _end(services: Services, login_id: str, now_ms: int) -> None:
    logins = LoginStore(services.store)
    if (row := await services.reads(logins.find, login_id)) is not None:
        await services.reads(logins.end, row, now_ms)
    await _revoke(services, LOGIN, login_id, now_ms, now_ms + LOGIN_TOKENS_MS)


async def _revoke(services: Services, kind: str, name: str, now_ms: int, until_ms: int) -> None:
    """Here at once; other processes see it within seconds."""
    await services.reads(RevocationStore(services.store).revoke, kind, name, now_ms, until_ms)
    await services.reads(services.revocations.refresh)


def _item(row: LoginRow) -> DeviceItem:
    return DeviceItem(
        login=row.login_id,
        device=row.device_id,
        scope=row.scope,
        begun_ms=row.begun_at,
        used_ms=row.refreshed_at,
        expires_ms=row.expires_at,
    )
