"""Whether a server answers CQL; as a program, whether this container's node does: its health check."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import sys
from contextlib import closing
from pathlib import Path

from domain.errors import ConfigurationError
from marathon.containers.cassandra.settings import NodeSettings, read_settings

PROBE_SECONDS = 5.0
# Of CQL's native protocol: a header is version, flags, stream, opcode and the length of the body.
_HEADER = struct.Struct(">BBhBi")
_REQUEST, _RESPONSE = 0x04, 0x84  # version 4
_OPTIONS, _SUPPORTED = 5, 6


def answers_cql(host: str, port: int, seconds: float, context: ssl.SSLContext | None = None) -> bool:
    """Whether a server answers the native protocol's first question, each step within `seconds`."""
    return says(host, port, seconds, (_OPTIONS, b"", _SUPPORTED), context=context)


def says(
    host: str,
    port: int,
    seconds: float,
    *exchanges: tuple[int, bytes, int],
    context: ssl.SSLContext | None = None,
) -> bool:
    """Whether each request, an opcode and a body, is answered by the opcode that is expected."""
    try:
        with closing(_connected(host, port, seconds, context)) as connection:
            for request, body, expected in exchanges:
                connection.sendall(_HEADER.pack(_REQUEST, 0, 0, request, len(body)) + body)
                version, _, _, opcode, length = _HEADER.unpack(_received(connection, _HEADER.size))
                if (version, opcode) != (_RESPONSE, expected):
                    return False
                _received(connection, length)
    except (OSError, struct.error):
        return False
    return True


def is_healthy(settings: NodeSettings) -> bool:
    """Whether the node of this container takes clients, over TLS with its own certificate if it has one."""
    host = "127.0.0.1" if settings.rpc_address == "0.0.0.0" else settings.rpc_address
    try:
        context = _context(settings.tls) if settings.tls else None
    except OSError:
        return False
    return answers_cql(host, settings.cql_port, PROBE_SECONDS, context)


def _context(tls: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    context.load_cert_chain(tls / "identity.pem")
    context.check_hostname = False  # loopback is in no certificate; that it is signed is checked
    return context


def _connected(host: str, port: int, seconds: float, context: ssl.SSLContext | None) -> socket.socket:
    connection = socket.create_connection((host, port), seconds)
    try:
        connection.settimeout(seconds)
        return context.wrap_socket(connection) if context else connection
    except BaseException:
        connection.close()
        raise


def _received(connection: socket.socket, count: int) -> bytes:
    """So many bytes, or fewer if the other side ends."""
    received = b""
    while len(received) < count and (more := connection.recv(count - len(received))):
        received += more
    return received


if __name__ == "__main__":
    try:
        sys.exit(0 if is_healthy(read_settings(os.environ)) else 1)
    except ConfigurationError as wrong:
        sys.exit(f"cassandra: {wrong}")
