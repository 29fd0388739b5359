"""`muvr users consent` and `audit`."""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from actors.answers import consent_held
from cli.parsing import explain
from cli.privacy import audited, now_ms, settings_of, user_of
from cli.settings import GATEWAY_PORT, LOOPBACK
from cli.upkeep import add_place_arguments, opened
from cli.wiring import open_tokens
from domain.errors import InvalidInput, ProcessFailed
from domain.identifiers import UserId
from domain.user import User, evolve
from edge.client import DeviceClient
from edge.protocol import Message
from persistence.access import AccessStore
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.ports import Store
from persistence.snapshots import SnapshotStore

CONSENT_EXAMPLES = """
muvr users consent anna                               what anna agreed to
muvr users consent anna --training yes                on anna's behalf, through the running node
muvr users consent anna --recognition no --statistics no
"""
AUDIT_EXAMPLES = """
muvr users audit anna                                 who else looked at anna's data, newest first
muvr users audit anna --limit 1000 --json
"""
PURPOSES = ("recognition", "statistics", "training")
ANSWER_SECONDS = 10.0
REDIRECTS_MAX = 3


def add_consent_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", metavar="USER")
    for purpose in PURPOSES:
        parser.add_argument(f"--{purpose}", choices=("yes", "no"), help="default: as it is")
    parser.add_argument(
        "--url", default=f"ws://{LOOPBACK}:{GATEWAY_PORT}", help="of a node's gateway (default: %(default)s)"
    )
    parser.add_argument("--why", default="", help="the reason, for the audit log that the user can read")
    add_place_arguments(parser)
    explain(parser, CONSENT_EXAMPLES)


def consent(options: argparse.Namespace) -> int:
    user = user_of(options)
    said = {name: getattr(options, name) for name in PURPOSES}
    with opened(options) as (store, keys):
        audited(store, user, "users consent", options.why)
        held: dict[str, Any] = _held(store, keys, user)
    if any(said.values()):
        wanted = {name: held[name] if word is None else word == "yes" for name, word in said.items()}
        token = open_tokens(settings_of(options)).issue(user, "user", 60)
        held = _told_to_a_node(
            options.url, DeviceClient(token, "muvr-cli"), max(now_ms(), held["at_ms"] + 1), wanted
        )
    if options.json:
        print(json.dumps({"user": user, **held}))
    else:
        print("\n".join(f"{name:<12} {'yes' if held[name] else 'no'}" for name in PURPOSES))
    return 0


def add_audit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", metavar="USER")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="default: %(default)s")
    add_place_arguments(parser)
    explain(parser, AUDIT_EXAMPLES)


def audit(options: argparse.Namespace) -> int:
    user = user_of(options)
    with opened(options) as (store, _):
        rows = list(AccessStore(store).of(user, limit=max(1, options.limit)))
    if options.json:
        print(json.dumps({"user": user, "accesses": [row._asdict() for row in rows]}))
        return 0
    for row in rows:
        at = datetime.fromtimestamp(row.accessed_at / 1000, UTC).isoformat(" ", "seconds")
        why = f"; {row.why}" if row.why else ""
        print(f"{at}  {row.who} ({row.scope})  {row.what}{why}")
    if not rows:
        print("nobody else looked")
    return 0


def _held(store: Store, keys: DataKeyStore, user: UserId) -> dict[str, Any]:
    cipher = keys.known_cipher(user)
    if cipher is None:
        raise InvalidInput(f"nothing can be read of user {user!r}", remedy="correct USER")
    number, state = SnapshotStore(store).newest(user, cipher) or (0, User())
    for _, event in Journal(store).replay(user, cipher, lower=number + 1):
        state = evolve(state, event)
    held = consent_held(state)
    return {name: getattr(held, name) for name in ("at_ms", *PURPOSES)}


def _told_to_a_node(url: str, client: DeviceClient, at_ms: int, wanted: dict[str, bool]) -> dict[str, Any]:
    """Say it as the user's device does, so that it goes the way of everything that users say."""
    client.consent(at_ms, **wanted)
    for _ in range(REDIRECTS_MAX):
        answer = _answer(url, client)
        if answer["type"] == "redirect":
            url = answer["url"]
            continue
        if answer["type"] == "error":
            raise ProcessFailed(answer["wrong"], expected=answer.get("expected", ""))
        return {name: answer[name] for name in ("at_ms", *PURPOSES)}
    raise ProcessFailed("the nodes send each other's users around", remedy="try again in a moment")


def _answer(url: str, client: DeviceClient) -> Message:
    deadline_s = time.monotonic() + ANSWER_SECONDS
    try:
        with connect(url, open_timeout=ANSWER_SECONDS) as socket:
            socket.send(client.hello())
            while (left_s := deadline_s - time.monotonic()) > 0:
                message = client.receive(bytes(socket.recv(timeout=left_s, decode=False)))
                if message is not None and message["type"] in ("consent", "redirect", "error"):
                    return message
                for data in client.to_send():
                    socket.send(data)
    except (OSError, TimeoutError, WebSocketException) as error:
        raise _unanswered(url, str(error)) from error
    raise _unanswered(url, "no answer in time")


def _unanswered(url: str, why: str) -> ProcessFailed:
    return ProcessFailed(
        f"no node answers at {url} ({why})", remedy="start one with `muvr up`, or correct --url"
    )
