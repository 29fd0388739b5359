"""An OpenID Connect provider that says whatever a test wants: its description, its keys, its ID tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from gateway.api.oidc import OidcSettings

CLIENT, SECRET, CODE = "muvr: here", "s3cret/+ %", "the-code"
PAGE = "http://127.0.0.1:8080/"


@cache
def made_key(name: str) -> rsa.RSAPrivateKey:
    """One for each name; making them takes longer than all else."""
    return rsa.generate_private_key(65537, 2048)


class OwnProvider:
    """`answers` are by path and replace what is right; `asked` are the forms sent for tokens, and by whom."""

    def __init__(self) -> None:
        self.begin_anew()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.paths.append(self.path)
                self._answer(*provider.answers.get(self.path, (200, provider.right(self.path))))

            def do_POST(self) -> None:
                provider.paths.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                provider.asked.append((self.headers.get("Authorization"), form))
                self._answer(*provider.answers.get(self.path, (200, {"id_token": provider.token})))

            def _answer(self, status: int, body: Any) -> None:
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{provider.issuer}/elsewhere")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/tenant"

    def begin_anew(self) -> None:
        self.keys = {"first": made_key("first")}
        self.answers: dict[str, tuple[int, Any]] = {}
        self.token = ""
        self.asked: list[tuple[str | None, dict[str, str]]] = []
        self.paths: list[str] = []

    def right(self, path: str) -> Any:
        if path.endswith("/.well-known/openid-configuration"):
            return self.description()
        jwks = [json.loads(RSAAlgorithm.to_jwk(key.public_key())) for key in self.keys.values()]
        return {
            "keys": [
                each | {"kid": kid, "use": "sig", "alg": "RS256"}
                for kid, each in zip(self.keys, jwks, strict=True)
            ]
        }

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def described(self, **changed: Any) -> None:
        self.answers["/tenant/.well-known/openid-configuration"] = (200, self.description() | changed)

    def settings(self, directory: Path, **changed: Any) -> OidcSettings:
        secret_file = directory / "client.secret"
        secret_file.write_text(f"{SECRET}\n")
        right: dict[str, Any] = {
            "issuer": self.issuer,
            "client_id": CLIENT,
            "secret_file": secret_file,
            "page": PAGE,
            "operators": "muvr-operators",
            "coaches": "muvr-coaches",
            "name": "Example",
        }
        return OidcSettings(**(right | changed))

    def claims(self, url: str, now_s: float, **changed: Any) -> dict[str, Any]:
        """What a right ID token says to who was sent to `url`; None leaves something out."""
        right = {
            "iss": self.issuer,
            "sub": "1001",
            "aud": CLIENT,
            "exp": int(now_s) + 300,
            "iat": int(now_s),
            "nonce": parse_qs(urlsplit(url).query)["nonce"][0],
            "groups": ["staff", "muvr-operators"],
        }
        return {name: value for name, value in (right | changed).items() if value is not None}

    def signed(self, claims: dict[str, Any], kid: str = "first", algorithm: str = "RS256") -> str:
        return jwt.encode(claims, self.keys[kid], algorithm, headers={"kid": kid})


def challenge_of(verifier: str) -> str:
    """RFC 7636, section 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@contextmanager
def own_provider() -> Iterator[OwnProvider]:
    provider = OwnProvider()
    thread = threading.Thread(target=provider.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield provider
    finally:
        provider.server.shutdown()
        thread.join()
        provider.server.server_close()
