"""Whole inputs of each target, as those who mean well write them; a fuzzer begins with them."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable

import jwt
import msgpack

from edge import artefact
from exchange import fit_writing
from exchange.written import Written, WrittenSet
from persistence.blobs import FORMAT_VERSION
from tests.edge.test_artefact import SIGNING_KEY
from tests.edge.test_artefact import artefact as small_artefact
from tests.edge.test_device_protocol import MESSAGES as FROM_SERVER
from tests.exchange.files import GPX, HEVY, STRONG, STRONG_ANDROID, TCX, WGER, WGER_CSV
from tests.gateway.device_example import CARE_MESSAGES, KEY, MESSAGES, hello, token

_OPENED = ["session_opened", "s", 0, 1, "w", "server", [["a", "a", "wrist"]]]
_LABEL = ["label_confirmed", "s", 1, 1, 30_001, "squat", 8, 60.0]
_NIGHT = {
    "night_id": "n",
    "due_ms": 1,
    "steps": [{"name": "batch", "runs": ["r"], "outcome": "succeeded"}],
}
_INDEX = (
    b"file,subject,session,label,reps,weight_kg,rate_hz,device,location\nr.csv,p,s,squat,8,60,50,w,wrist\n"
)
_WORKOUT = Written(
    session="s",
    start_ms=1_750_000_000_000,
    end_ms=1_750_000_060_000,
    sets=(
        WrittenSet(
            start_ms=1_750_000_001_000,
            end_ms=1_750_000_040_000,
            exercise="squat",
            repetitions=8,
            weight_kg=60.0,
        ),
    ),
    heart_rate=((1_750_000_000_000, 90.0), (1_750_000_001_000, 92.0)),
)
DEEP = 8000  # levels of nesting
_ROWS = b"t,ax,ay,az,gx,gy,gz\n0.00,0,0,1,0,0,0\n0.02,-0.5,1e-3,.5,1,2,3\n"


def seeds() -> dict[str, list[bytes]]:
    """By target."""
    named = {kind: msgpack.packb(fields) for kind, fields in MESSAGES.items()}
    shared = {kind: msgpack.packb({**fields, "user": "ann"}) for kind, fields in MESSAGES.items()}
    care = [msgpack.packb(fields) for fields in CARE_MESSAGES.values()]
    asked = msgpack.packb({"type": "get_model", "digest": "0" * 64, "offset": 0})
    told = [msgpack.packb(fields) for fields in FROM_SERVER]
    model = artefact.encode(small_artefact())
    return {
        "device_messages": [
            b"\x00" + _joined([hello()]),
            b"\x01" + _joined([*named.values(), asked]),
            *(b"\x01" + _joined([data]) for data in named.values()),
            b"\x02" + _joined(shared.values()),
            b"\x03" + _joined(care),
            b"\x01" + _joined([b"\x82\xa4type\xa5close\xa1x" + b"\x91" * DEEP]),
        ],
        "frame": [struct.pack("<cqdfB", b"a", 1_700_000_000_000, 50.0, 0.001, 0) + bytes(2400)],
        "server_messages": [
            _joined(told),
            *(_joined([data]) for data in told),
            _joined([b"\x82\xa4type\xa4rest\xa1x" + b"\x91" * DEEP]),
        ],
        "model_file": [model, model[:-32], artefact.encode(small_artefact(), SIGNING_KEY)],
        "access_token": [
            token().encode(),
            json.dumps({"sub": "ann", "scope": "device", "exp": 1_700_000_060}).encode(),
            jwt.encode({"sub": "ann"}, KEY, algorithm="HS512").encode(),
            base64.urlsafe_b64encode(b"[" * (DEEP // 3 * 3)) + b".e30.AAAA",
            b'{"sub":' + b"[" * DEEP,
        ],
        "recording": [_ROWS, b"t,ax,ay,az\r\n0,0,0,1\r\n"],
        "recordings_index": [_INDEX, b"\xef\xbb\xbf" + _INDEX.replace(b"\n", b"\r\n")],
        "training_file": [
            *(text.encode() for text in (STRONG, STRONG_ANDROID, HEVY, WGER, WGER_CSV)),
            TCX,
            GPX,
            fit_writing.write(_WORKOUT),
        ],
        "journal_blob": [
            bytes([version]) + msgpack.packb(event)
            for version in range(1, FORMAT_VERSION + 1)
            for event in (_OPENED, _LABEL, ["answered", "s", 1, True])
        ]
        + [b"\x01" + b"\x91" * DEEP],
        "snapshot_blob": [
            bytes([version]) + msgpack.packb([{}, [], {}]) for version in range(1, FORMAT_VERSION + 1)
        ],
        "night_row": [
            json.dumps({"seen_ms": 1, "night": _NIGHT, "waiting": [_NIGHT]}).encode(),
            json.dumps({"runs": [], "sessions": ["p/s"], "form": {"squat": {"course": [[0.0]]}}}).encode(),
            b'{"form": ' + b"[" * DEEP,
            b'{"x": ' * DEEP,
        ],
    }


def _joined(messages: Iterable[bytes]) -> bytes:
    return b"".join(len(data).to_bytes(2, "big") + data for data in messages)
