"""All that a device has to send, to a server that acknowledges each message at once."""

from __future__ import annotations

import msgpack

from edge.client import DeviceClient


def everything_sent(client: DeviceClient) -> list[bytes]:
    """The messages in the order in which they go out."""
    sent = []
    while batch := client.to_send():
        sent += batch
        for data in batch:
            message = msgpack.unpackb(data)
            ack = {"type": "ack", "session": message["session"], "stream": message.get("stream", "")}
            client.receive(msgpack.packb({**ack, "next": message["nr"] + 1}))
    return sent
