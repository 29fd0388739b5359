"""What every answer carries, and which requests are not answered at all; plain ASGI, so that streams flow."""

from __future__ import annotations

import ipaddress
import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.problems import TooLong, WrongHost, failure, problem_of

_log = logging.getLogger(__name__)

BODY_BYTES_MAX = 256 * 1024

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Shell:
    """The outermost layer: adds what an answer lacks of SECURITY_HEADERS, answers for what failed inside.

    What the API answers is never cached; the page is asked for again each time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cache = "no-store" if scope["path"].startswith("/v1/") else "no-cache"

        started = False
        receive_bounded = _bounded(receive, Headers(scope=scope).get("content-length"))

        async def send_guarded(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers["Cache-Control"] = cache
            await send(message)

        try:
            await self._app(scope, receive_bounded, send_guarded)
        except Exception:
            if started:
                raise  # too late for another answer: the server breaks the connection off
            _log.exception("the API failed at %s %s", scope["method"], scope["path"])
            await failure()(scope, receive, send_guarded)


def _bounded(receive: Receive, content_length: str | None) -> Receive:
    """`receive`, which raises TooLong rather than give more than BODY_BYTES_MAX."""
    left = BODY_BYTES_MAX
    if content_length is not None and content_length.isdecimal() and int(content_length[:20]) > left:
        left = -1

    async def bounded() -> Message:
        nonlocal left
        message = await receive() if left >= 0 else {}
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLong(
                "the request is too long", expected=f"at most {BODY_BYTES_MAX} bytes", remedy="send less"
            )
        return message

    return bounded


class LoopbackOnly:
    """Refuses requests that were not sent to a loopback name.

    Where no token is asked for, a foreign web page could otherwise point its own name at 127.0.0.1 and read
    everything through the visitor's browser (DNS rebinding), or have it send something there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_from_here(Headers(scope=scope)):
            error = WrongHost(
                "without tokens only this machine is served",
                expected="localhost, 127.0.0.1 or [::1] as the host",
                remedy="open it by that name, or start muvr with tokens",
            )
            await problem_of(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_from_here(headers: Headers) -> bool:
    """Whether it was sent to a loopback name, and not by a page of another one."""
    origin = headers.get("origin")
    is_own = origin is None or is_loopback(origin.partition("://")[2])
    return is_own and is_loopback(headers.get("host", ""))


def is_loopback(host: str) -> bool:
    """True if an address, or a Host header with or without a port, names this machine."""
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
