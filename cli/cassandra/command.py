"""`muvr cassandra up`, `down` and `status`; `certificates` for clusters elsewhere."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from cli.cassandra.cluster import LocalCluster, stored_settings
from cli.cassandra.configuration import COMMITLOG_SYNCS, HEAP_MB_MAX, HEAP_MB_MIN, NODES
from domain.errors import ConfigurationError

PORT = 9042
STORAGE_PORT = 7000
KEYSPACE = "muvr"
_PORT_MAX = 65_535
_SYNC_HELP = """when a write is acknowledged. periodic: before the disk has it, which it does within 10 s;
a killed process may lose the last 0.1 s, a machine that loses power those seconds. group: when the disk has
it, together with what came in the same 10 ms (default: group, with --dev periodic)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run_command, words in (
        ("up", _up, "start the nodes in the background, as before if there is data"),
        ("down", _down, "stop the nodes; the data stays"),
        ("status", _status, "say how each node is; exit status 0 only if all are up"),
    ):
        command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        command.add_argument(
            "--data", type=Path, default=Path("muvr-cassandra"), metavar="DIR", help="default: %(default)s"
        )
        if run_command is _up:
            _add_up_arguments(command)
        # Said once more for those who write it last; it must not undo what stands before the command.
        command.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks and log more"
        )
        command.set_defaults(cassandra=run_command)
    _add_certificates(commands)


def run(options: argparse.Namespace) -> int:
    status: int = options.cassandra(options)
    return status


def _add_up_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--nodes", type=int, choices=NODES, help="on 127.0.0.1 and the addresses after it (default: 1)"
    )
    parser.add_argument(
        "--dev",
        action=argparse.BooleanOptionalAction,
        help="little memory and a quick start instead of speed (default: no)",
    )
    parser.add_argument("--port", type=_port, help=f"for CQL, of every node (default: {PORT})")
    parser.add_argument("--storage-port", type=_port, help=f"between the nodes (default: {STORAGE_PORT})")
    parser.add_argument(
        "--heap",
        type=_megabytes,
        metavar="MB",
        help="of each node (default: half the memory by the number of nodes,"
        f" {HEAP_MB_MIN} to {HEAP_MB_MAX}; with --dev 128, of three nodes 192)",
    )
    parser.add_argument("--commitlog-sync", choices=COMMITLOG_SYNCS, help=_SYNC_HELP)
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where Cassandra's jars are kept (default: MUVR_CACHE, else the user's cache directory)",
    )


def _add_certificates(commands: Any) -> None:
    words = "make certificates for nodes and clients, and the authority that signs them"
    command = commands.add_parser("certificates", help=words, description=words[0].upper() + words[1:] + ".")
    command.add_argument(
        "--out", type=Path, default=Path("certificates"), metavar="DIR", help="default: %(default)s"
    )
    command.add_argument(
        "--node",
        action="append",
        default=[],
        metavar="NAME=ADDRESS[,ADDRESS...]",
        help="all names and addresses by which others reach that node; may be given again",
    )
    command.add_argument("--client", action="append", default=[], metavar="NAME", help="may be given again")
    command.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks and log more"
    )
    command.set_defaults(cassandra=_certificates)


def _certificates(options: argparse.Namespace) -> int:
    from cli.cassandra.certificates import AUTHORITY_KEY, issue, make_authority

    if make_authority(options.out):
        print(f"{options.out / AUTHORITY_KEY} signs for this cluster: keep it where no node runs")
    for name, addresses in [*map(_node_addresses, options.node), *((name, []) for name in options.client)]:
        print(issue(options.out, name, addresses))
    return 0


def _node_addresses(text: str) -> tuple[str, list[str]]:
    name, _, addresses = text.partition("=")
    found = [address for address in addresses.split(",") if address]
    if not found:
        raise ConfigurationError(f"--node {text} names no address", expected="NAME=ADDRESS[,ADDRESS...]")
    return name, found


def _up(options: argparse.Namespace) -> int:
    cluster = _wanted(options)
    if not cluster.up():
        print("all nodes are up already")
    print(f"\n  {cluster.location(KEYSPACE)}\n")
    print(f"logs: {', '.join(str(cluster.log(index)) for index in range(len(cluster.hosts)))}")
    print(f"stop: muvr cassandra down --data {shlex.quote(str(options.data))}", flush=True)
    return 0


def _down(options: argparse.Namespace) -> int:
    stopped = _known(options.data).down()
    print(f"stopped {stopped} node{'s' * (stopped != 1)}" if stopped else "no node is running")
    return 0


def _status(options: argparse.Namespace) -> int:
    nodes = _known(options.data).status()
    for node in nodes:
        if node.pid is None:
            print(f"{node.name}  {node.address}  not running")
        else:
            answer = "answers CQL" if node.answers else "does not answer CQL"
            print(f"{node.name}  {node.address}  pid {node.pid}  {node.resident_mb} MB  {answer}")
    return 0 if all(node.answers for node in nodes) else 1


def _wanted(options: argparse.Namespace) -> LocalCluster:
    """What was not asked for is as it was last time, so that `up` after `down` brings the same back."""
    stored = stored_settings(options.data)
    nodes = options.nodes or (stored.nodes if stored else 1)
    dev = options.dev if options.dev is not None else bool(stored and stored.dev)
    is_as_before = stored is not None and stored.dev == dev
    heap_mb, commitlog_sync = options.heap, options.commitlog_sync
    if stored and is_as_before:
        heap_mb, commitlog_sync = heap_mb or stored.heap_mb, commitlog_sync or stored.commitlog_sync
    return LocalCluster(
        options.data,
        nodes=nodes,
        port=options.port or (stored.port if stored else PORT),
        storage_port=options.storage_port or (stored.storage_port if stored else STORAGE_PORT),
        heap_mb=heap_mb,
        dev=dev,
        commitlog_sync=commitlog_sync or ("periodic" if dev else "group"),
        survive=True,
        cache=options.cache,
        say=lambda line: print(line, flush=True),
    )


def _known(data: Path) -> LocalCluster:
    stored = stored_settings(data)
    if stored is None:
        raise ConfigurationError(
            f"{data} is no data directory of Cassandra",
            remedy="run `muvr cassandra up` first, or correct --data",
        )
    return LocalCluster(
        data,
        nodes=stored.nodes,
        heap_mb=stored.heap_mb,
        dev=stored.dev,
        commitlog_sync=stored.commitlog_sync,
        survive=True,
        say=lambda line: print(line, flush=True),
    )


def _megabytes(text: str) -> int:
    megabytes = int(text)
    if megabytes <= 0:
        raise argparse.ArgumentTypeError(f"{text} MB is no heap")
    return megabytes


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port <= _PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text} is no port: 1 to {_PORT_MAX}")
    return port
