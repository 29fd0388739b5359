"""Who may do what: the one table of every HTTP route and every websocket message, by scope and relation.

What is not in it is refused, and a test walks it. A new route or message gets its line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from gateway.auth import Scope


class Relation(Enum):
    """Whose things a token reaches. OWN: its user's, and what is everyone's. ANY: everybody's."""

    OWN = "own"
    ANY = "any"


Rule = Mapping[Scope, Relation]  # a scope that is not in it is refused

OPEN: Rule = {}  # to everyone, without a token
_OWN_OR_OPERATOR: Rule = {"user": Relation.OWN, "operator": Relation.ANY}
_OWN: Rule = {"user": Relation.OWN}
_OPERATOR: Rule = {"operator": Relation.ANY}

ROUTES: dict[str, Rule] = {
    "GET /watch": OPEN,
    "GET /health": OPEN,
    "GET /ready": OPEN,
    "GET /v1/openapi.json": OPEN,
    "GET /v1/live": _OWN_OR_OPERATOR,
    "GET /v1/live/events": _OWN_OR_OPERATOR,
    "GET /v1/users": _OWN_OR_OPERATOR,
    "GET /v1/users/{user}/profile": _OWN_OR_OPERATOR,
    "PUT /v1/users/{user}/profile": _OWN,
    "GET /v1/users/{user}/measurements": _OWN_OR_OPERATOR,
    "POST /v1/users/{user}/measurements": _OWN,
    "GET /v1/users/{user}/progress": _OWN_OR_OPERATOR,
    "GET /v1/users/{user}/sessions": _OWN_OR_OPERATOR,
    "GET /v1/users/{user}/sessions/{session}": _OWN_OR_OPERATOR,
    "PUT /v1/users/{user}/sessions/{session}/sets/{start_ms}": _OWN,
    "DELETE /v1/users/{user}/sessions/{session}/sets/{start_ms}": _OWN,
    "GET /v1/models": _OWN_OR_OPERATOR,
    "GET /v1/models/{model_id}": _OWN_OR_OPERATOR,
    "GET /v1/nights": _OPERATOR,
}

# A browser's EventSource cannot send headers, so here the token may stand in the address.
TOKEN_IN_QUERY = frozenset({"GET /v1/live/events"})

# What these answer is secret and not kept, so an Idempotency-Key is not heeded.
UNREPEATABLE: frozenset[str] = frozenset()

_DEVICE: Rule = {"device": Relation.OWN, "user": Relation.OWN}
_COACH: Rule = {"coach": Relation.OWN}

# By the message's type. A gateway's token, of ANY_USER, has everyone for its own here, and nowhere else.
MESSAGES: dict[str, Rule] = {
    "hello": {**_DEVICE, **_COACH},
    "get_model": {**_DEVICE, **_COACH},
    "open": _DEVICE,
    "frame": _DEVICE,
    "label": _DEVICE,
    "withdraw": _DEVICE,
    "set": _DEVICE,
    "form": _DEVICE,
    "close": _DEVICE,
    "training": _DEVICE,
    "plan": _DEVICE,
    "profile": _DEVICE,
    "measure": _DEVICE,
    "exercise": _DEVICE,
    "refuse": _DEVICE,
    "suggestion": _DEVICE,
    "prescribe": _COACH,
    "get_adherence": _COACH,
}
