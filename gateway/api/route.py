"""What holds for every route: 304, a write with a key is done once, and one hop to the user's node."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from fastapi.routing import APIRoute

from domain.errors import InvalidInput
from gateway.access import UNREPEATABLE
from gateway.api.problems import ServedElsewhere
from gateway.api.services import services_of, viewer_of
from persistence.requests import NOBODY, RequestKey

Handler = Callable[[Request], Awaitable[Response]]

_KEY = re.compile(r"[\x21-\x7e]{1,64}\Z")
_TAG_HEX_DIGITS = 32
_OF_A_BODY = ("content-length", "content-type")


class ApiRoute(APIRoute):
    """Whole answers to GET carry an ETag; If-None-Match is answered with 304 (RFC 9110, section 13).

    A write with an Idempotency-Key is answered again as it was, if it succeeded: nothing is done twice. What
    failed is tried anew, as of when it first came. What another node has to answer is asked there.
    """

    def get_route_handler(self) -> Handler:  # type: ignore[override]
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handle_here(request)
            except ServedElsewhere as elsewhere:
                return await services_of(request).forward(request, elsewhere)

        async def handle_here(request: Request) -> Response:
            if request.method == "GET":
                return _unless_known(request, await handler(request))
            await request.body()  # here, as the framework takes a body that is too long for a broken one
            if "idempotency-key" in request.headers and f"{request.method} {self.path}" not in UNREPEATABLE:
                return await _once(request, handler)
            return await handler(request)

        return handle


def _unless_known(request: Request, answer: Response) -> Response:
    body = getattr(answer, "body", None)
    if answer.status_code != 200 or body is None:
        return answer
    tag = answer.headers.setdefault("ETag", f'"{hashlib.sha256(body).hexdigest()[:_TAG_HEX_DIGITS]}"')
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag not in known:
        return answer
    # A browser replaces the headers that it kept by these, the policy of a page among them.
    headers = {name: value for name, value in answer.headers.items() if name not in _OF_A_BODY}
    return Response(status_code=304, headers=headers)


async def _once(request: Request, handler: Handler) -> Response:
    services, viewer = services_of(request), await viewer_of(request)
    key = request.headers["idempotency-key"].strip().strip('"')
    if not _KEY.match(key):
        raise InvalidInput(
            f"Idempotency-Key {key[:80]!r}",
            expected="1 to 64 printable characters without spaces",
            remedy="choose another key",
        )
    address = f"{request.method} {request.url.path}?{request.url.query}"
    content = b"\n".join([address.encode(), await request.body()])
    of = RequestKey(request.path_params.get("user", NOBODY), viewer.name, key)
    begun = await services.reads(services.requests.begin, of, content, services.now_ms())
    if begun.status is not None and begun.answer is not None:
        return _answered(begun.status, begun.tag, begun.answer)
    request.state.said_ms = begun.said_at
    answer = await handler(request)
    if 200 <= answer.status_code < 300:
        body = bytes(answer.body)
        tag = answer.headers.get("etag")
        await services.reads(services.requests.done, begun, answer.status_code, tag, body)
    return answer


def _answered(status: int, tag: str | None, body: str) -> Response:
    headers = {"Idempotency-Replayed": "true"} | ({"ETag": tag} if tag else {})
    return Response(body.encode(), status, headers, media_type="application/json" if body else None)
