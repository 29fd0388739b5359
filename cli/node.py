"""`muvr up` and `muvr token`."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path
from typing import cast

from actors.node import Node
from cli.metronome import add_metronome_arguments, metronome_settings
from cli.settings import API_PORT, GATEWAY_PORT, LOOPBACK, NodeSettings
from cli.wiring import open_tokens, running_node
from domain.errors import ConfigurationError
from domain.identifiers import UserId
from gateway.auth import SCOPES, Scope
from gateway.tls import TlsFiles

DAY_SECONDS = 86_400
CHECK_SECONDS = 5.0  # between looks at the node's health


class _Up:
    """Runs a node."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--data", type=Path, default=Path("muvr-data"), metavar="DIR", help="default: %(default)s"
        )
        parser.add_argument(
            "--store",
            metavar="LOCATION",
            help="cassandra://HOST[,HOST]/KEYSPACE, or sqlite:DIR (default: the embedded one in --data)",
        )
        parser.add_argument(
            "--keys", type=Path, metavar="DIR", help="nodes of one store share it (default: keys in --data)"
        )
        parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: %(default)s)")
        parser.add_argument("--gateway-port", type=int, default=GATEWAY_PORT, help="default: %(default)s")
        parser.add_argument("--api-port", type=int, default=API_PORT, help="default: %(default)s")
        parser.add_argument(
            "--spark-master",
            default=NodeSettings.spark_master,
            metavar="MASTER",
            help="of the night's batch: local[CORES], spark://HOST:PORT, mesos://... (default: %(default)s)",
        )
        parser.add_argument(
            "--night", default="30 2 * * *", metavar="CRON", help="when to train (default: %(default)s)"
        )
        parser.add_argument(
            "--members-min",
            type=int,
            default=NodeSettings.members_min,
            metavar="N",
            help="users of a group of which the night publishes something (default: %(default)s)",
        )
        parser.add_argument(
            "--cluster-models",
            action="store_true",
            help="the night also trains a model for each cluster of users, served to them if it is better",
        )
        parser.add_argument(
            "--advertise", metavar="URL", help="where devices reach this node (default: ws://HOST:PORT)"
        )
        parser.add_argument(
            "--lease-seconds",
            type=float,
            default=10.0,
            metavar="S",
            help="how long the users of a node that is gone wait for another (default: %(default)s)",
        )
        parser.add_argument("--time-zone", default="UTC", help="of --night (default: %(default)s)")
        parser.add_argument(
            "--catch-up",
            type=int,
            default=1,
            metavar="N",
            help="missed nights that are made up for, the newest (default: %(default)s)",
        )
        parser.add_argument(
            "--attempts",
            type=int,
            default=3,
            metavar="N",
            help="of each step of a night (default: %(default)s)",
        )

        _add_gateway_arguments(parser)
        add_metronome_arguments(parser)

    @staticmethod
    def run(options: argparse.Namespace) -> int:
        settings = NodeSettings(
            data=options.data.absolute(),
            store=options.store,
            keys=options.keys and options.keys.absolute(),
            advertise=options.advertise,
            lease_s=options.lease_seconds,
            host=options.host,
            gateway_port=options.gateway_port,
            api_port=options.api_port,
            tls=options.tls and TlsFiles(*map(Path.absolute, options.tls)),
            limits=tuple(options.limit),
            spark_master=options.spark_master,
            members_min=options.members_min,
            cluster_models=options.cluster_models,
            night_cron=options.night,
            time_zone=options.time_zone,
            night_catch_up=options.catch_up,
            night_attempts=options.attempts,
            metronome=metronome_settings(options),
            debug=options.debug,
        )
        with running_node(settings) as running:
            operator = open_tokens(settings).issue(UserId("operator"), "operator", DAY_SECONDS)
            print(f"devices: {settings.scheme}://{settings.host}:{running.gateway_port}")
            print(f"page:    http://{settings.host}:{running.api_port}/#token={operator}")
            print("Ctrl-C stops the node", flush=True)
            serve_until_signal(running.node)
        return 0


class _Token:
    """Makes a token."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--data", type=Path, default=Path("muvr-data"), metavar="DIR", help="default: %(default)s"
        )
        parser.add_argument("--keys", type=Path, metavar="DIR", help="default: keys in --data")
        parser.add_argument("--user", required=True, help="the user, or * for a gateway of many users")
        parser.add_argument("--scope", choices=SCOPES, default="device", help="default: %(default)s")
        parser.add_argument("--days", type=int, default=30, help="valid for (default: %(default)s)")

    @staticmethod
    def run(options: argparse.Namespace) -> int:
        directory: Path = options.keys or options.data
        if not directory.is_dir():
            raise ConfigurationError(
                f"there is no directory {directory}",
                remedy="run `muvr up` first, or correct --data or --keys",
            )
        settings = NodeSettings(data=options.data.absolute(), keys=options.keys)
        tokens = open_tokens(settings)
        print(tokens.issue(UserId(options.user), cast(Scope, options.scope), options.days * DAY_SECONDS))
        return 0


up, token = _Up, _Token


def _add_gateway_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tls",
        type=Path,
        nargs=2,
        metavar=("CERTIFICATE", "KEY"),
        help="PEM files: devices connect with wss:// (default: ws://)",
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a limit of the device gateway, see docs/operations.md; may be repeated",
    )


def serve_until_signal(node: Node) -> None:
    """Wait for Ctrl-C or SIGTERM; raises ProcessFailed when the node can serve no more."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(CHECK_SECONDS):
        node.check()
