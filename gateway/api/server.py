"""uvicorn in a thread of its own, over a socket that is bound before anything is promised."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from domain.errors import ConfigurationError

_log = logging.getLogger(__name__)

START_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 2.0
GRACE_SECONDS = 1  # for answers that are under way; streams are told to end by the live view
CONNECTIONS_MAX = 512
BACKLOG = 128
PORT_MAX = 65_535


class ApiServer:
    """Serves `app` at `host` and `port` (0: any free one) from `start` to `stop`.

    Raises ConfigurationError when the address cannot be used. A port is taken from the moment this returns.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)

    def start(self) -> None:
        """Return once requests are answered; raises ConfigurationError if that does not come about."""
        self._thread.start()
        self._server.settled.wait(START_SECONDS_MAX)
        if not self._server.started:
            self.stop()
            raise ConfigurationError(
                f"the HTTP API at port {self.port} did not start", remedy="see the log for the reason"
            )

    def call(self, callback: Callable[..., object], *arguments: object) -> None:
        """Call `callback` in the loop that serves, from any thread; not at all once that has ended."""
        loop = self._server.loop
        assert loop is not None, "started first"
        with suppress(RuntimeError):  # it was closed meanwhile
            loop.call_soon_threadsafe(callback, *arguments)

    def stop(self) -> bool:
        """Finish what is under way and stop within STOP_SECONDS_MAX; False if it did not."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS_MAX)
        self._socket.close()
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except BaseException:  # uvicorn ends a failed start with SystemExit
            _log.exception("the HTTP API ended")
        finally:
            self._server.settled.set()


class _Server(uvicorn.Server):
    """`settled` is set once the start has succeeded or failed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        self.settled.set()


def _bound(host: str, port: int) -> socket.socket:
    if not 0 <= port <= PORT_MAX:  # the resolver would take it modulo 65536
        raise ConfigurationError(
            f"the HTTP API cannot listen at port {port}",
            expected=f"0 to {PORT_MAX}",
            remedy="choose another port",
        )
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Listening at once makes the port ours: two sockets with SO_REUSEADDR may both be bound to it.
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"the HTTP API cannot listen at {host}:{port}: {_reason(error)}",
            expected="a free port of this machine",
            remedy="choose another port or stop who uses it",
        ) from error


def _reason(error: Exception) -> str:
    # A resolver's error numbers are its own and negative.
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number is not None and number > 0 else str(error)
