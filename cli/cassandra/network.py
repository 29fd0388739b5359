"""Ports of the loopback addresses, and whether the nodes on them see one another."""

from __future__ import annotations

import errno
import random
import socket
import struct
from collections.abc import Sequence

from domain.errors import ConfigurationError
from marathon.containers.cassandra.probe import says

# Below the ports that systems hand out to clients: one of those may be taken at any moment.
_PORTS = range(20_000, 32_000)
_TRIES_MAX = 200

# Opcodes of CQL's native protocol.
_STARTUP, _READY, _QUERY, _RESULT = 1, 2, 7, 8
_VERSION = b"\0\1" + b"\0\x0bCQL_VERSION" + b"\0\x053.0.0"
# A table that Cassandra keeps on three nodes, and of which there is nothing to read here.
_READ = b"SELECT view_name FROM system_distributed.view_build_status"
_CONSISTENCY = {2: 4, 3: 5}  # QUORUM and ALL of three


def free_port(hosts: Sequence[str], taken: Sequence[int] = ()) -> int:
    """A port on which nothing listens on any of `hosts`; not one of `taken`."""
    choice = random.SystemRandom()
    for _ in range(_TRIES_MAX):
        port = choice.choice(_PORTS)
        if port not in taken and all(_refusal(host, port) is None for host in hosts):
            return port
    check_port(hosts, port, "--port")
    raise ConfigurationError(f"no free port was found on {', '.join(hosts)} in {_TRIES_MAX} tries")


def check_port(hosts: Sequence[str], port: int, option: str) -> None:
    """Raise ConfigurationError if a server cannot listen on `port` of each of `hosts`."""
    for host in hosts:
        refusal = _refusal(host, port)
        if refusal is None:
            continue
        if refusal.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} of {host} is taken by another program", remedy=f"choose another with {option}"
            )
        if refusal.errno == errno.EADDRNOTAVAIL:
            raise ConfigurationError(
                f"{host} is no address of this machine",
                expected=f"loopback addresses {', '.join(hosts)}",
                remedy=f"add it (macOS: sudo ifconfig lo0 alias {host} up), or take --nodes 1",
            )
        raise ConfigurationError(
            f"port {port} of {host} cannot be used: {refusal.strerror}",
            remedy=f"choose another with {option}",
        )


def reaches(host: str, port: int, nodes: int, seconds: float) -> bool:
    """Whether the node at `host` can read from `nodes` (2 or 3) of its ring of three, itself among them."""
    query = struct.pack(">i", len(_READ)) + _READ + struct.pack(">HB", _CONSISTENCY[nodes], 0)
    return says(host, port, seconds, (_STARTUP, _VERSION, _READY), (_QUERY, query, _RESULT))


def _refusal(host: str, port: int) -> OSError | None:
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            listener.bind((host, port))
    except OSError as error:
        return error
    return None
