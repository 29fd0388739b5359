"""The page that makes a phone a sensor, rendered with the addresses that it may connect to."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from fastapi.responses import HTMLResponse

from actors.membership import view_of_store
from domain.errors import InvalidInput
from gateway.api.guard import CONTENT_SECURITY_POLICY
from persistence.ports import Store

DEVICE_PORT = 8081
ADDRESSES_MAX = 64  # of other nodes, in one page's policy

_TEMPLATE = Path(__file__).with_name("watch.html").read_text(encoding="utf-8")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_ADDRESS = re.compile(rf"wss?://(?:{_HOST.pattern})(?::\d{{1,5}})?")


@dataclass(frozen=True, kw_only=True)
class Gateways:
    """Where this node's devices connect: `advertised` (ws:// or wss://) if its operator said so, else at
    `port` of whatever name the page was asked for under."""

    port: int = DEVICE_PORT
    advertised: str | None = None
    is_tls: bool = False

    def address(self, scheme: str, host: str) -> str:
        """The address for a page at `scheme`://`host`; raises InvalidInput for what is no host's name."""
        if self.advertised is not None:
            return self.advertised.rstrip("/")
        name = f"[{host}]" if ":" in host else host
        if not _HOST.fullmatch(name):
            raise InvalidInput("the Host header is no name of a host", expected="a name or an address")
        return f"{'wss' if self.is_tls or scheme == 'https' else 'ws'}://{name}:{self.port}"


THIS_HOST = Gateways()


def watch_page(store: Store, gateways: Gateways, scheme: str, host: str) -> HTMLResponse:
    """The page for who asked at `scheme`://`host`.

    Its policy lets it connect to this node's gateway and to those of the other nodes, to which a device
    may be redirected, and nowhere else.
    """
    own = gateways.address(scheme, host)
    others = [address for address in _of_members(store) if scheme != "https" or address.startswith("wss:")]
    addresses = list(dict.fromkeys([own, *others]))
    content = _TEMPLATE.replace("{gateways}", html.escape(" ".join(addresses)))
    policy = f"{CONTENT_SECURITY_POLICY}; connect-src 'self' {' '.join(addresses)}"
    return HTMLResponse(content, headers={"Content-Security-Policy": policy})


def _of_members(store: Store) -> list[str]:
    urls = [member.url.rstrip("/") for member in view_of_store(store).members]
    return [url for url in dict.fromkeys(urls) if _ADDRESS.fullmatch(url)][:ADDRESSES_MAX]
