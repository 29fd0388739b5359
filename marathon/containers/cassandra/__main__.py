"""The entry point: becomes Cassandra, or with `nodetool` as its first argument that program.

Java takes the place of this process: it is then the container's first one, gets SIGTERM, and drains.
Started as root it takes over its directories and goes on as the user whom CASSANDRA_USER_ID says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from domain.errors import ConfigurationError
from marathon.containers.cassandra.checks import check_certificates, check_directories, check_limits
from marathon.containers.cassandra.configuration import files
from marathon.containers.cassandra.java import java_command, nodetool_command
from marathon.containers.cassandra.settings import NodeSettings, read_settings


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Returns only by raising SystemExit, when something is not as it must be."""
    try:
        settings = read_settings(environ)
        command = nodetool(settings, arguments[1:]) if arguments[:1] == ["nodetool"] else server(settings)
        os.execvp(command[0], command)
    except ConfigurationError as error:
        sys.exit(f"cassandra: {error}")
    except OSError as error:
        sys.exit(f"cassandra: Java cannot be started: {error}; set JAVA_HOME")


def server(settings: NodeSettings) -> list[str]:
    """The command of a node whose machine was checked and whose files are written."""
    check_limits(settings, _say)
    if os.geteuid() == 0 and settings.user_id != 0:
        _become(settings)
    check_directories(settings)
    check_certificates(settings)
    for name, text in files(settings).items():
        (settings.conf / name).write_text(text)
    if settings.new_mb is not None and settings.collector != "serial":
        _say(f"HEAP_NEWSIZE is not used with {settings.collector}, which sizes the young generation itself")
    return java_command(settings)


def nodetool(settings: NodeSettings, arguments: Sequence[str]) -> list[str]:
    java = str(settings.java_home / "bin" / "java") if settings.java_home else "java"
    return nodetool_command(java, settings.lib, settings.jmx_port, arguments)


def _become(settings: NodeSettings) -> None:
    """Some who make volumes make them root's; what is in them is the user's since its first start."""
    for directory in settings.directories:
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, settings.user_id, settings.user_id)
    os.setgroups([])
    os.setgid(settings.user_id)
    os.setuid(settings.user_id)


def _say(words: str) -> None:
    print(f"cassandra: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
