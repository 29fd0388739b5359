"""Who may do what: the one table of every HTTP route and every websocket message, by scope and relation.

What is not in it is refused, and a test walks it. A new route or message gets its line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from gateway.auth import Scope


class Relation(Enum):
    """Whose things a token reaches.

    OWN: its user's, and what is everyone's. GRANTED: those of users who let it, as long as they do, and what
    is everyone's. ANY: everybody's.
    """

    OWN = "own"
    GRANTED = "granted"
    ANY = "any"


Rule = Mapping[Scope, Relation]  # a scope that is not in it is refused

OPEN: Rule = {}  # to everyone, without a token
_OWN_OR_OPERATOR: Rule = {"user": Relation.OWN, "operator": Relation.ANY}
_READ: Rule = {"user": Relation.OWN, "coach": Relation.GRANTED, "operator": Relation.ANY}
_OWN: Rule = {"user": Relation.OWN}
_OWN_OR_COACH: Rule = {"user": Relation.OWN, "coach": Relation.GRANTED}
_COACH_OF: Rule = {"coach": Relation.GRANTED}
_COACH: Rule = {"coach": Relation.OWN}
_OPERATOR: Rule = {"operator": Relation.ANY}
_EVERYONES: Rule = {"user": Relation.OWN, "coach": Relation.OWN, "operator": Relation.ANY}

ROUTES: dict[str, Rule] = {
    "GET /watch": OPEN,
    "GET /health": OPEN,
    "GET /ready": OPEN,
    "GET /metrics": _OPERATOR,
    "GET /v1/openapi.json": OPEN,
    "GET /v1/live": _OWN_OR_OPERATOR,
    "GET /v1/live/events": _OWN_OR_OPERATOR,
    "GET /v1/users": _OWN_OR_OPERATOR,
    "GET /v1/users/{user}/profile": _READ,
    "PUT /v1/users/{user}/profile": _OWN,
    "GET /v1/users/{user}/measurements": _READ,
    "POST /v1/users/{user}/measurements": _OWN,
    "GET /v1/users/{user}/training": _READ,
    "PUT /v1/users/{user}/training": _OWN,
    "GET /v1/users/{user}/plan": _READ,
    "PUT /v1/users/{user}/plan": _OWN_OR_COACH,
    "GET /v1/users/{user}/records": _READ,
    "GET /v1/users/{user}/exercises": _READ,
    "PUT /v1/users/{user}/exercises/{name}": _OWN,
    "GET /v1/users/{user}/programme": _READ,
    "PUT /v1/users/{user}/programme": _COACH_OF,
    "GET /v1/users/{user}/adherence": _READ,
    "GET /v1/users/{user}/grants": _OWN_OR_OPERATOR,
    "PUT /v1/users/{user}/grants/{coach}": _OWN,
    "DELETE /v1/users/{user}/grants/{coach}": _OWN,
    "GET /v1/coaches/{user}/patients": _COACH,
    "GET /v1/users/{user}/progress": _READ,
    "GET /v1/users/{user}/sessions": _READ,
    "GET /v1/users/{user}/sessions/{session}": _READ,
    "DELETE /v1/users/{user}/sessions/{session}": _OWN,
    "POST /v1/users/{user}/sessions/{session}/refusals": _OWN,
    "PUT /v1/users/{user}/sessions/{session}/sets/{start_ms}": _OWN,
    "DELETE /v1/users/{user}/sessions/{session}/sets/{start_ms}": _OWN,
    "GET /v1/users/{user}/consent": _OWN_OR_OPERATOR,
    "PUT /v1/users/{user}/consent": _OWN,
    "GET /v1/users/{user}/accesses": _OWN_OR_OPERATOR,
    "GET /v1/users/{user}/export": _OWN_OR_OPERATOR,
    "DELETE /v1/users/{user}": _OWN_OR_OPERATOR,
    "GET /v1/models": _OWN_OR_OPERATOR,
    "GET /v1/models/{model_id}": _OWN_OR_OPERATOR,
    "GET /v1/exercises": _EVERYONES,
    "PUT /v1/exercises/{name}": _OPERATOR,
    "DELETE /v1/exercises/{name}": _OPERATOR,
    "GET /v1/contributed-exercises": _OPERATOR,
    "POST /v1/users/{user}/pairings": _OWN_OR_OPERATOR,
    "POST /v1/pairings/exchange": OPEN,
    "POST /v1/tokens/refresh": OPEN,
    "GET /v1/oidc": OPEN,
    "POST /v1/oidc/begin": OPEN,
    "POST /v1/oidc/exchange": OPEN,
    "DELETE /v1/tokens/current": _EVERYONES,
    "DELETE /v1/users/{user}/tokens": _OWN_OR_OPERATOR,
    "GET /v1/users/{user}/devices": _OWN_OR_OPERATOR,
    "DELETE /v1/users/{user}/devices/{login}": _OWN_OR_OPERATOR,
    "GET /v1/nights": _OPERATOR,
    "POST /v1/nights": _OPERATOR,
    "GET /v1/nights/{night}": _OPERATOR,
    "POST /v1/nights/{night}/cancel": _OPERATOR,
    "GET /v1/cluster": _OPERATOR,
    "GET /v1/load": _OPERATOR,
}

# What these answer is secret or must not be kept, so an Idempotency-Key is not heeded.
UNREPEATABLE = frozenset(
    {
        "DELETE /v1/users/{user}",
        "POST /v1/users/{user}/pairings",
        "POST /v1/pairings/exchange",
        "POST /v1/tokens/refresh",
        "POST /v1/oidc/begin",
        "POST /v1/oidc/exchange",
    }
)

# What shows users' data without naming one: who looks is written down for everyone.
OF_EVERYONE = frozenset(
    {"GET /v1/users", "GET /v1/live", "GET /v1/live/events", "GET /v1/contributed-exercises"}
)

_DEVICE: Rule = {"device": Relation.OWN, "user": Relation.OWN}

# By the message's type. A gateway's token, of ANY_USER, has everyone for its own here, and nowhere else.
MESSAGES: dict[str, Rule] = {
    "hello": {**_DEVICE, **_COACH},
    "get_model": {**_DEVICE, **_COACH},  # of everyone's models, for a coach
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
    "consent": _DEVICE,
    "prescribe": _COACH_OF,
    "get_adherence": _COACH_OF,
}
