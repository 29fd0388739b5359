"""`muvr cassandra up`, `down` and `status`; `certificates` for clusters elsewhere."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from cli.cassandra.cluster import LocalCluster, stored_settings
from cli.cassandra.configuration import COMMITLOG_SYNCS, HEAP_MB_MAX, HEAP_MB_MIN, NODES
from cli.parsing import explain
from domain.errors import ConfigurationError

_EXAMPLES = {
    "up": "muvr cassandra up                   one node, for this machine\n"
    "muvr cassandra up --nodes 3 --dev   three small ones, to try a cluster",
    "down": "muvr cassandra down --data muvr-cassandra",
    "status": "muvr cassandra status --json        for programs",
    "certificates": "muvr cassandra certificates --node n1=10.0.0.1 --node n2=10.0.0.2 --client muvr",
}
_STATUSES = {"status": {1: "failed, or not all nodes are up"}}
PORT = 9042
STORAGE_PORT = 7000
KEYSPACE = "muvr"
_PORT_MAX = 65_535
_SYNC_HELP = """when a write is acknowledged. periodic: before the disk has it, which it does within 10 s;
a killed process may lose the last 0.1 s, a machine that loses power those seconds. group: when the disk has
it, together with what came in the same 10 ms (default: group, with --dev periodic)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, "\n".join(_EXAMPLES.values()))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run_command, words in (
        ("up", _up, "start the nodes in the background, as before if there is data"),
        ("down", _down, "stop the nodes; the data stays"),
        ("status", _status, "say how each node is; exit status 0 only if all are up"),
        (
            "certificates",
            _certificates,
            "make certificates for nodes and clients elsewhere, and who signs them",
        ),
    ):
        command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if run_command is _certificates:
            _add_certificate_arguments(command)
        else:
            command.add_argument(
                "--data",
                type=Path,
                default=Path("muvr-cassandra"),
                metavar="DIR",
                help="default: %(default)s",
            )
        if run_command is _up:
            _add_up_arguments(command)
        command.add_argument("--json", action="store_true", help="the result as one JSON object")
        explain(command, _EXAMPLES[name], statuses=_STATUSES.get(name))
        command.set_defaults(cassandra=run_command)


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


def _add_certificate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("certificates"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--node",
        action="append",
        default=[],
        metavar="NAME=ADDRESS[,ADDRESS...]",
        help="all names and addresses by which others reach that node; may be given again",
    )
    parser.add_argument("--client", action="append", default=[], metavar="NAME", help="may be given again")


def _certificates(options: argparse.Namespace) -> int:
    from cli.cassandra.certificates import AUTHORITY_KEY, issue, make_authority

    nodes = [_node_addresses(text) for text in options.node]
    is_new = make_authority(options.out)
    made = [issue(options.out, name, found) for name, found in [*nodes, *((n, []) for n in options.client)]]
    key = options.out / AUTHORITY_KEY
    if options.json:
        directories = [str(directory) for directory in made]
        print(json.dumps({"authority_key": str(key), "is_new": is_new, "directories": directories}))
        return 0
    if is_new:
        print(f"{key} signs for this cluster: keep it where no node runs")
    for directory in made:
        print(directory)
    return 0


def _node_addresses(text: str) -> tuple[str, list[str]]:
    name, _, addresses = text.partition("=")
    found = [address for address in addresses.split(",") if address]
    if not found:
        raise ConfigurationError(f"--node {text} names no address", expected="NAME=ADDRESS[,ADDRESS...]")
    return name, found


def _up(options: argparse.Namespace) -> int:
    cluster = _wanted(options)
    is_new = cluster.up()
    if options.json:
        logs = [str(cluster.log(index)) for index in range(len(cluster.hosts))]
        print(json.dumps({"store": cluster.location(KEYSPACE), "logs": logs, "started": is_new}))
        return 0
    if not is_new:
        print("all nodes are up already")
    print(f"\n  {cluster.location(KEYSPACE)}\n")
    print(f"logs: {', '.join(str(cluster.log(index)) for index in range(len(cluster.hosts)))}")
    print(f"stop: muvr cassandra down --data {shlex.quote(str(options.data))}", flush=True)
    return 0


def _down(options: argparse.Namespace) -> int:
    stopped = _known(options).down()
    if options.json:
        print(json.dumps({"stopped": stopped}))
        return 0
    print(f"stopped {stopped} node{'s' * (stopped != 1)}" if stopped else "no node is running")
    return 0


def _status(options: argparse.Namespace) -> int:
    nodes = _known(options).status()
    if options.json:
        print(json.dumps({"nodes": [dataclasses.asdict(node) for node in nodes]}))
        return 0 if all(node.answers for node in nodes) else 1
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
        say=_say(options),
    )


def _known(options: argparse.Namespace) -> LocalCluster:
    data: Path = options.data
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
        say=_say(options),
    )


def _say(options: argparse.Namespace) -> Callable[[str], None]:
    """With --json standard output is for the result alone."""
    return lambda line: print(line, file=sys.stderr if options.json else sys.stdout, flush=True)


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
