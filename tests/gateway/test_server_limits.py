"""The device server's limits behind real websockets: who is turned away, slowed down or cut off, and TLS."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import time
from pathlib import Path

import msgpack
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidMessage

from domain.errors import ConfigurationError
from gateway.devices.connection import GATEWAY_CREDIT, GATEWAY_UNANSWERED_MAX, UNANSWERED_MAX
from gateway.devices.listener import IGNORED_MAX
from gateway.devices.tls import TlsFiles, tls_context
from tests.gateway.device_example import MODEL_DIGEST, gateway_token, hello, message
from tests.gateway.server_rig import Rig, closed, read, run

TURNED_AWAY = (InvalidHandshake, InvalidMessage, OSError)


def test_an_address_has_so_many_strangers_whether_they_shook_hands_or_not(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", rig.port) for _ in range(2)]
        stranger = await rig.connect()
        with pytest.raises(TURNED_AWAY):
            await rig.connect()
        other = connect(f"ws://127.0.0.1:{rig.port}", proxy=None, local_addr=("127.0.0.2", 0))
        async with other:  # of another address
            await stranger.send(hello())  # is no stranger any more
            assert (await read(stranger))["type"] == "welcome"
            await rig.connect(greet=hello())
            for _, writer in silent:
                writer.close()
                await writer.wait_closed()

    run(tmp_path, play, strangers_max=3)


def test_who_is_turned_away_is_told_so_in_http(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        await rig.connect(greet=hello())
        reader, _ = await asyncio.open_connection("127.0.0.1", rig.port)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head

    run(tmp_path, play, connections_max=1)


def test_a_handshake_that_takes_too_long_is_cut_off(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert await reader.read() == b""

    run(tmp_path, play, hello_seconds=0.05)


def test_a_device_that_answers_no_ping_is_cut_off(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        client.transport.pause_reading()
        await rig.until(lambda: rig.is_empty)
        client.transport.abort()

    run(tmp_path, play, ping_seconds=0.05, pong_seconds=0.05, goodbye_seconds=0.05)


def test_a_device_that_answers_pings_stays_and_its_own_are_answered(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        pings: list[bytes] = []
        answer = client.protocol.receive_data
        client.protocol.receive_data = lambda data: (pings.append(data), answer(data))[1]  # type: ignore
        await rig.until(lambda: len(pings) > 3)  # a silent one would be gone
        await (await client.ping())
        assert not rig.is_empty

    run(tmp_path, play, ping_seconds=0.1, pong_seconds=0.1)


def test_who_does_not_read_is_told_the_code(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        (listener,) = rig.server._listeners.values()
        asked = msgpack.packb({"type": "get_model", "digest": MODEL_DIGEST, "offset": 0})
        client.transport.pause_reading()
        while not listener.is_slow:
            await client.send(asked)
            await asyncio.sleep(0)
        await rig.until(lambda: listener._is_closing)
        client.transport.resume_reading()
        while (told := await read(client))["type"] == "model_part":
            pass
        assert (told["code"], told["retry"]) == ("too_slow", True)
        assert (await closed(client))[0] == 1008

    run(tmp_path, play, with_model=True, slow_seconds=0.05)


def test_of_what_a_slow_device_asks_nothing_is_answered_until_it_reads(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        (listener,) = rig.server._listeners.values()
        asked = msgpack.packb({"type": "get_model", "digest": MODEL_DIGEST, "offset": 0})
        client.transport.pause_reading()
        while not listener.is_slow:
            await client.send(asked)
            await asyncio.sleep(0)
        waiting = listener._waiting_bytes()
        for _ in range(500):
            await client.send(asked)
        for _ in range(100):
            await asyncio.sleep(0)
        assert listener._waiting_bytes() == waiting
        client.transport.abort()

    run(tmp_path, play, with_model=True)


def test_too_much_that_waits_for_a_slow_device_ends_its_connection(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        (listener,) = rig.server._listeners.values()
        client.transport.pause_reading()
        while not listener._is_closing:
            listener.send(bytes(8192))
        client.transport.abort()

    run(tmp_path, play, outgoing_bytes_max=1 << 20)


def test_a_device_beyond_its_rate_is_read_more_slowly_and_loses_nothing(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        began_s = time.monotonic()
        for number in range(100):
            await client.send(message("frame", nr=number))
        await rig.until(lambda: len(rig.forwarded) == 100)
        assert time.monotonic() - began_s > 0.2  # 101 at 200 a second, 40 of them at once
        numbers = [envelope.command.frame.sequence_nr for envelope in rig.forwarded]  # type: ignore[union-attr]
        assert numbers == list(range(100))

    run(tmp_path, play, user_messages_per_second=200.0, burst_seconds=0.2)


def test_a_gateway_is_not_read_while_too_much_is_unanswered(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        gateway = await rig.connect(greet=hello(gateway_token()))
        (listener,) = rig.server._listeners.values()
        users = [f"u{number}" for number in range(2 * GATEWAY_UNANSWERED_MAX // UNANSWERED_MAX)]
        sent = [message("open", user=users[nr % len(users)]) for nr in range(GATEWAY_UNANSWERED_MAX + 500)]
        sending = asyncio.create_task(send_all(gateway, sent))
        await rig.until(lambda: listener.connection.is_full)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(rig.forwarded) == GATEWAY_UNANSWERED_MAX > GATEWAY_CREDIT
        done = [(each.connection, each.user) for each in rig.forwarded]
        rig.server.deliver([], done)
        await sending
        await rig.until(lambda: len(rig.forwarded) == len(sent))

    run(tmp_path, play)


async def send_all(client: object, messages: list[bytes]) -> None:
    for data in messages:
        await client.send(data)  # type: ignore[attr-defined]


def certificate(directory: Path) -> TlsFiles:
    """Of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "muvr")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    files = TlsFiles(directory / "cert.pem", directory / "key.pem")
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


def test_with_a_certificate_devices_connect_encrypted(tmp_path: Path) -> None:
    files = certificate(tmp_path)

    async def play(rig: Rig) -> None:
        port = await rig.server.start("127.0.0.1", 0, tls_context(files))
        trusting = ssl.create_default_context(cafile=files.certificate)
        async with connect(f"wss://127.0.0.1:{port}", ssl=trusting, proxy=None) as client:
            await client.send(hello())
            assert (await read(client))["type"] == "welcome"
            await client.send(message("open"))
            await rig.until(lambda: len(rig.forwarded) == 1)
        with pytest.raises(TURNED_AWAY):
            await connect(f"ws://127.0.0.1:{port}", proxy=None)

    run(tmp_path / "store", play)


def test_a_certificate_that_cannot_be_used_is_told_in_words(tmp_path: Path) -> None:
    files = certificate(tmp_path)
    for broken in (files._replace(key=tmp_path / "none"), files._replace(certificate=files.key)):
        with pytest.raises(ConfigurationError, match="cannot be used"):
            tls_context(broken)


def test_who_floods_after_the_end_is_not_read_any_more(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        client = await rig.connect(greet=hello())
        (listener,) = rig.server._listeners.values()
        flooding = asyncio.create_task(send_all(client, [b"\xc1"] * 1_000_000))
        await rig.until(lambda: listener._ignored > IGNORED_MAX)
        assert not listener._transport.underlying_transport.is_reading()
        client.transport.abort()
        await asyncio.gather(flooding, return_exceptions=True)

    run(tmp_path, play)
