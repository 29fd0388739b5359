"""A whole node that was told of a provider, by its settings file: an operator signs in."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from oidc_provider_mock import User, run_server_in_thread

from tests.actors.helpers import DEADLINE_SECONDS
from tests.test_style import ROOT

OLGA = User(sub="olga", claims={"roles": ["gym-operators"]})


def test_an_operator_signs_in_at_a_node(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "secret").write_text("s3cret\n")
    with run_server_in_thread(user_claims=[OLGA], require_nonce=True) as server:
        settings = {
            "issuer": f"http://localhost:{server.server_port}",
            "client_id": "muvr",
            "secret_file": "secret",
            "page": f"http://127.0.0.1:{port}",
            "claim": "roles",
            "operators": "gym-operators",
            "name": "The Gym",
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        file = tmp_path / "muvr.toml"
        file.write_text("\n".join(["[oidc]", *lines]) + "\n")
        command = [
            *(sys.executable, "-m", "cli", "up", "--config", str(file), "--data", str(tmp_path / "data")),
            *("--night", "never", "--gateway-port", "0", "--api-port", str(port), "--json"),
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            sign_in(json.loads(process.stdout.readline())["page"])
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def sign_in(address: str) -> None:
    with httpx.Client(base_url=address, timeout=DEADLINE_SECONDS) as browser:
        assert browser.get("/v1/oidc").json() == {"provider": "The Gym"}
        url = browser.post("/v1/oidc/begin").json()["authorization_url"]
        back = urlsplit(httpx.post(url, data={"sub": "olga"}).headers["location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == f"{address}/"
        said = {name: values[0] for name, values in parse_qs(back.query).items()}
        tokens = browser.post("/v1/oidc/exchange", json=said).json()
        assert tokens["scope"] == "operator"
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert browser.get("/v1/cluster", headers=headers).status_code == 200
