"""Messages, tokens and a small served model for tests of the device gateway."""

from __future__ import annotations

import hashlib
from typing import Any

import msgpack

from gateway.auth import ANY_USER, Scope, Tokens
from gateway.devices import protocol
from gateway.devices.connection import Connection
from gateway.devices.connection_output import Output
from gateway.devices.offers import Offers
from persistence.models import EVERYONE, ModelStore, evaluation_row
from persistence.ports import Store
from persistence.schema import Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import ModelRow

KEY = b"k" * 32
NOW_S = 1_700_000_000.0
START_MS = 1_700_000_000_000
MODEL_FILE = bytes(range(256)) * 80  # 20 KiB: three parts
MODEL_DIGEST = hashlib.sha256(MODEL_FILE).hexdigest()

MESSAGES: dict[str, dict[str, Any]] = {
    "open": {
        "type": "open",
        "session": "s",
        "nr": 0,
        "at_ms": START_MS,
        "recogniser": "server",
        "streams": [["a", "a", "wrist"]],
    },
    "frame": {
        "type": "frame",
        "session": "s",
        "stream": "a",
        "nr": 0,
        "sensor": "a",
        "start_ms": START_MS,
        "rate_hz": 50.0,
        "scale": 0.001,
        "samples": bytes(12),
    },
    "label": {
        "type": "label",
        "session": "s",
        "nr": 1,
        "start_ms": START_MS,
        "end_ms": START_MS + 1,
        "exercise": "squat",
        "repetitions": 8,
        "weight_kg": 60.0,
    },
    "set": {
        "type": "set",
        "session": "s",
        "nr": 2,
        "start_ms": START_MS,
        "end_ms": START_MS + 1,
        "exercise": "squat",
        "confidence": 0.9,
        "repetitions": 8,
        "model": "m-1",
    },
    "form": {
        "type": "form",
        "session": "s",
        "nr": 6,
        "start_ms": START_MS,
        "end_ms": START_MS + 1,
        "exercise": "squat",
        "repetitions": 8,
        "tempo_s": 2.5,
        "reach": 0.75,
        "reach_share": 0.9,
        "within": 7,
        "tip": {"kind": "faster", "text": "The last two repetitions were faster.", "figure": 0.4},
    },
    "training": {
        "type": "training",
        "session": "s",
        "nr": 3,
        "at_ms": START_MS,
        "goal": "strength",
        "excluded_exercises": ["deadlift"],
        "excluded_muscles": ["back"],
        "place": {"name": "cellar", "equipment": ["barbell"], "plates_kg": [10, 2.5]},
        "utc_offset_min": 60,
    },
    "refuse": {"type": "refuse", "session": "s", "nr": 4, "at_ms": START_MS + 1, "exercise": "squat"},
    "withdraw": {
        "type": "withdraw",
        "session": "s",
        "nr": 5,
        "start_ms": START_MS,
        "end_ms": START_MS + 1,
        "said_ms": START_MS + 1,
    },
    "suggestion": {
        "type": "suggestion",
        "session": "s",
        "nr": 6,
        "at_ms": START_MS + 1,
        "exercise": "squat",
        "weight_kg": 60.0,
        "repetitions": 8,
        "reason": "as on Tuesday",
        "rest_s": 90,
    },
    "plan": {
        "type": "plan",
        "session": "s",
        "nr": 7,
        "at_ms": START_MS,
        "author": "anna",
        "sessions": [
            {
                "name": "legs",
                "weekday": 0,
                "exercises": [
                    {"exercise": "squat", "set_count": 3, "repetitions": 5, "weight_kg": 60, "rest_s": 180},
                    {"exercise": "lunge", "set_count": 2, "repetitions": 10, "share": 0.5},
                ],
            }
        ],
    },
    "exercise": {
        "type": "exercise",
        "session": "s",
        "nr": 8,
        "at_ms": START_MS,
        "name": "sled-push",
        "primary": ["quadriceps"],
        "movement": "carry",
    },
    "profile": {
        "type": "profile",
        "session": "s",
        "nr": 9,
        "at_ms": START_MS,
        "birth_year": 1985,
        "sex": "female",
        "height_cm": 170.0,
        "experience": "novice",
        "in_statistics": True,
    },
    "measure": {
        "type": "measure",
        "session": "s",
        "nr": 10,
        "at_ms": START_MS,
        "quantity": "body_weight_kg",
        "value": 71.5,
    },
    "close": {"type": "close", "session": "s", "nr": 11, "at_ms": START_MS + 2},
}


CONSENT: dict[str, Any] = {
    "type": "consent",
    "at_ms": START_MS,
    "recognition": True,
    "statistics": True,
    "training": False,
}


CARE_MESSAGES: dict[str, dict[str, Any]] = {
    "prescribe": {
        "type": "prescribe",
        "user": "ben",
        "at_ms": START_MS,
        "prescriptions": [
            {
                "exercise": "squat",
                "sets": 3,
                "repetitions": 10,
                "days_per_week": 2,
                "reach": {"least": 0.8},
            }
        ],
        "heart_rate_limit": 140,
    },
    "get_adherence": {"type": "get_adherence", "user": "ben", "at_ms": START_MS},
}


def clock_s() -> float:
    """A clock that another process can import."""
    return NOW_S


def make_tokens() -> Tokens:
    return Tokens(KEY, clock_s)


def token(user: str = "ann", scope: Scope = "device") -> str:
    return make_tokens().issue(user, scope, 60)  # type: ignore[arg-type]


def gateway_token() -> str:
    return token(ANY_USER)


def offers_of(store: SqliteStore) -> Offers:
    offers = Offers(ModelStore(store))
    offers.refresh()
    return offers


def serve_model(store: Store, file: bytes = MODEL_FILE, name: str = "m-1", *, scope: str = EVERYONE) -> None:
    """Store a model and serve it; its file is only bytes here."""
    digest = hashlib.sha256(file).hexdigest()
    row = ModelRow(scope, "a@50", Timestamp(START_MS), name, digest, "rest", 1, len(file), 0.0, "{}")
    metrics = {"accuracy": 1.0, "precision": 1.0, "recall": 1.0, "f1_macro": 1.0}
    ModelStore(store).save(row, file, evaluation_row(name, START_MS, "test", metrics))
    ModelStore(store).promote(row, 1.0)


def message(kind: str, **changed: object) -> bytes:
    packed: bytes = msgpack.packb((MESSAGES | CARE_MESSAGES | {"consent": CONSENT})[kind] | changed)
    return packed


def hello(text: str | None = None, **changed: object) -> bytes:
    fields = {"type": "hello", "version": 1, "token": text or token(), "device": "watch-1"}
    packed: bytes = msgpack.packb(fields | changed)
    return packed


def welcomed(offers: Offers, text: str | None = None) -> Connection:
    connection = Connection(make_tokens(), offers)
    (answer,) = connection.receive(hello(text)).send
    assert isinstance(answer, protocol.Welcome)
    return connection


def error_of(output: Output) -> protocol.Error:
    (error,) = output.send
    assert isinstance(error, protocol.Error)
    assert not output.forward
    return error
