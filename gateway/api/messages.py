"""What the API's actor is told and what it answers.

The node asks `StartApi` once and gets `Started` or `StartFailed`. Shard hosts answer its batches, and tell it
`LiveUpdates`, which may come before StartApi.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.api.oidc import OidcSettings
from gateway.api.privacy import Keys
from gateway.api.watch_page import THIS_HOST, Gateways
from gateway.auth import Tokens
from persistence.ports import Store


@dataclass(frozen=True, kw_only=True)
class StartApi:
    """Serve at `host` and `port`, 0 being any free one.

    The two callables are pickled (`functools.partial` of an importable name) and called in the actor's
    process. If it `is_open`, or without `open_tokens`, everyone who reaches the port may do everything: for
    loopback only.
    `lanes` are this node's shard hosts: the member id of each, and its name in the Directory.
    Phones are sent to `gateways`. Whoever reaches `metrics_port` may read the node's metrics. People may
    sign in with the provider of `oidc`.
    """

    host: str
    port: int
    open_store: Callable[[], Store]
    open_tokens: Callable[[], Tokens] | None = None
    lanes: tuple[tuple[str, str], ...] = ()
    is_open: bool = False
    gateways: Gateways = THIS_HOST
    keys: Keys | None = field(default=None, repr=False)
    oidc: OidcSettings | None = None
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
