"""`muvr up` and `muvr token`."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from pathlib import Path
from typing import cast

from actors.node import Node
from cli.keys import first_token_mark
from cli.metronome import add_metronome_arguments, metronome_settings
from cli.oidc import add_oidc_arguments, oidc_settings
from cli.parsing import explain
from cli.retention import add_keep_arguments, policy_of
from cli.settings import API_PORT, GATEWAY_PORT, LOOPBACK, NodeSettings
from cli.spot import SpotWatch, add_spot_arguments, spot_watch
from cli.wiring import open_tokens, running_node
from domain.errors import ConfigurationError
from domain.identifiers import UserId
from gateway.auth import SCOPES, Scope
from gateway.devices.tls import TlsFiles
from telemetry.spans import SHARE, SpanSettings

DAY_SECONDS = 86_400
FIRST_TOKEN_DAYS = 7
_NIGHT_HELP = "when to train, or never (default: %(default)s)"
NEVER = "never"  # of --night: somebody else asks for nights
CHECK_SECONDS = 5.0  # between looks at the node's health

_UP_EXAMPLES = """
muvr up                                               a node with its data in muvr-data
muvr up --data gym --night "0 3 * * *" --time-zone Europe/London
muvr up --store cassandra://10.0.0.1/muvr --keys DIR --host 0.0.0.0   one of several nodes
muvr up --config /etc/muvr.toml --json                as a service starts it
"""
_TOKEN_EXAMPLES = """
muvr token --user anna                                for anna's watch
muvr token --user anna --scope user --days 7          for the page and the API
muvr token --user "*"                                 for a gateway of many users
"""


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
            "--advertise", metavar="URL", help="where devices reach this node (default: ws://HOST:PORT)"
        )
        parser.add_argument(
            "--advertise-api", metavar="URL", help="where its HTTP API is (default: http://HOST:PORT)"
        )
        parser.add_argument(
            "--lease-seconds",
            type=float,
            default=10.0,
            metavar="S",
            help="how long the users of a node that is gone wait for another (default: %(default)s)",
        )
        _add_gateway_arguments(parser)
        _add_night_arguments(parser)
        parser.add_argument("--json", action="store_true", help="the addresses as one JSON line")
        add_keep_arguments(parser)
        _add_watching_arguments(parser)
        add_oidc_arguments(parser)
        add_metronome_arguments(parser)
        add_spot_arguments(parser)
        explain(parser, _UP_EXAMPLES, statuses={0: "ended by Ctrl-C, SIGTERM or a spot notice"})

    @staticmethod
    def run(options: argparse.Namespace) -> int:
        settings = NodeSettings(
            data=options.data.absolute(),
            store=options.store,
            keys=options.keys and options.keys.absolute(),
            advertise=options.advertise,
            advertise_api=options.advertise_api,
            lease_s=options.lease_seconds,
            host=options.host,
            gateway_port=options.gateway_port,
            api_port=options.api_port,
            tls=options.tls and TlsFiles(*map(Path.absolute, options.tls)),
            limits=tuple(options.limit),
            spark_master=options.spark_master,
            session_share=options.session_share,
            members_min=options.members_min,
            cluster_models=options.cluster_models,
            retention=policy_of(options),
            night_cron=None if options.night == NEVER else options.night,
            time_zone=options.time_zone,
            night_catch_up=options.catch_up,
            night_attempts=options.attempts,
            metronome=metronome_settings(options),
            oidc=oidc_settings(options),
            metrics_host=options.metrics_host,
            metrics_port=options.metrics_port,
            spans=_span_settings(options),
            log_format=options.log_format,
            debug=options.debug,
        )
        spot = spot_watch(options)
        if spot is not None and spot.is_ending():
            return 1
        with running_node(settings) as running:
            operator = first_operator_token(settings)
            devices, page = (
                f"{settings.scheme}://{settings.host}:{running.gateway_port}",
                f"http://{settings.host}:{running.api_port}",
            )
            if options.json:
                print(json.dumps({"devices": devices, "page": page, "token": operator}), flush=True)
            else:
                print(f"devices: {devices}")
                print(f"page:    {page}/")
                if operator is None:
                    print("tokens:  `muvr token --scope operator` makes one; the first start has shown one")
                else:  # to be typed: what stands in an address is kept, and passed on with it
                    print(f"token:   {operator}")
                print("Ctrl-C stops the node", flush=True)
            serve_until_signal(running.node, spot)
        return 0


def first_operator_token(settings: NodeSettings) -> str | None:
    """A token for the operator, once: who starts a node later has to make one. Processes may race for it."""
    try:
        first_token_mark(settings).touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return None
    return open_tokens(settings).issue(UserId("operator"), "operator", FIRST_TOKEN_DAYS * DAY_SECONDS)


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
        parser.add_argument("--json", action="store_true", help="the token as one JSON object")
        explain(parser, _TOKEN_EXAMPLES)

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
        made = tokens.issue(UserId(options.user), cast(Scope, options.scope), options.days * DAY_SECONDS)
        print(
            json.dumps({"token": made, "user": options.user, "scope": options.scope})
            if options.json
            else made
        )
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


def serve_until_signal(node: Node, spot: SpotWatch | None = None) -> None:
    """Wait for Ctrl-C, SIGTERM or a spot notice; raises ProcessFailed when the node can serve no more."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(CHECK_SECONDS) and not (spot is not None and spot.is_ending()):
        node.check()


def _add_watching_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--metrics-port", type=int, metavar="PORT", help="metrics without a token (default: not served)"
    )
    parser.add_argument("--metrics-host", default=LOOPBACK, help="of --metrics-port (default: %(default)s)")
    parser.add_argument(
        "--log-format", choices=("plain", "json"), default="plain", help="of node.log (default: %(default)s)"
    )
    parser.add_argument(
        "--otlp-endpoint", metavar="URL", help="where OpenTelemetry's spans go (OTLP/HTTP; default: nowhere)"
    )
    parser.add_argument(
        "--otlp-share",
        type=float,
        default=SHARE,
        metavar="SHARE",
        help="of frames, whose spans are sent (default: %(default)s)",
    )


def _span_settings(options: argparse.Namespace) -> SpanSettings | None:
    if options.otlp_endpoint is None:
        return None
    return SpanSettings(endpoint=options.otlp_endpoint, share=options.otlp_share)


def _add_night_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--spark-master",
        default=NodeSettings.spark_master,
        metavar="MASTER",
        help="of the night's batch: local[CORES], spark://HOST:PORT, mesos://... (default: %(default)s)",
    )
    parser.add_argument("--night", default="30 2 * * *", metavar="CRON", help=_NIGHT_HELP)
    parser.add_argument(
        "--members-min",
        type=int,
        default=NodeSettings.members_min,
        metavar="N",
        help="users of a group of which the night publishes something (default: %(default)s)",
    )
    parser.add_argument(
        "--session-share",
        type=float,
        default=NodeSettings.session_share,
        metavar="SHARE",
        help="of all sessions, whose windows the night cuts to learn from (default: %(default)s)",
    )
    parser.add_argument(
        "--cluster-models",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="the night also trains a model for each cluster of users, served to them if it is better",
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
