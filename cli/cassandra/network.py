"""Ports of the loopback addresses, and whether a server answers CQL on one."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Sequence

from domain.errors import ConfigurationError

# Below the ports that systems hand out to clients: one of those may be taken at any moment.
_PORTS = range(20_000, 32_000)
_TRIES_MAX = 200
# Version 4 of the native protocol: flags, stream, opcode OPTIONS or SUPPORTED, length of the body.
_OPTIONS = bytes([4, 0, 0, 0, 5, 0, 0, 0, 0])
_SUPPORTED = bytes([0x84, 0, 0, 0, 6])


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


def answers_cql(host: str, port: int, seconds: float) -> bool:
    """Whether a server answers the native protocol's first question within `seconds`."""
    try:
        with socket.create_connection((host, port), seconds) as connection:
            connection.settimeout(seconds)
            connection.sendall(_OPTIONS)
            return connection.recv(len(_SUPPORTED), socket.MSG_WAITALL) == _SUPPORTED
    except OSError:
        return False


def _refusal(host: str, port: int) -> OSError | None:
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            listener.bind((host, port))
    except OSError as error:
        return error
    return None
