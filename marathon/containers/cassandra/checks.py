"""What a node needs of its machine, asked before Java is started: limits, directories, certificates."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

from domain.errors import ConfigurationError
from marathon.containers.cassandra.settings import NodeSettings

# As Cassandra's documentation asks for; what is lower works until a node has much data or many clients.
_LIMITS = (
    ("nofile", resource.RLIMIT_NOFILE, 100_000),
    ("nproc", resource.RLIMIT_NPROC, 32_768),
    ("memlock", resource.RLIMIT_MEMLOCK, resource.RLIM_INFINITY),
    ("as", resource.RLIMIT_AS, resource.RLIM_INFINITY),
)
_MAP_COUNT, _MAP_COUNT_MIN = Path("/proc/sys/vm/max_map_count"), 1_048_575
_FILES_MIN = 4096  # below it a node of any use ends in the middle of its work

GetLimit = Callable[[int], tuple[int, int]]


def too_low(get: GetLimit = resource.getrlimit, map_count: Path = _MAP_COUNT) -> Iterator[str]:
    """Limits that production should raise, in words."""
    for name, number, least in _LIMITS:
        soft = get(number)[0]
        if _is_below(soft, least):
            wanted = "unlimited" if least == resource.RLIM_INFINITY else str(least)
            yield f"the limit {name} is {soft}, {wanted} is wanted: --ulimit {name}={_flag(least)}"
    try:
        count = int(map_count.read_text())
    except (OSError, ValueError):
        return
    if count < _MAP_COUNT_MIN:
        yield f"vm.max_map_count is {count}, {_MAP_COUNT_MIN} is wanted: set it with sysctl on the machine"


def check_limits(
    settings: NodeSettings, say: Callable[[str], None], get: GetLimit = resource.getrlimit
) -> None:
    """Say what is too low; raise ConfigurationError where production could not go on for long."""
    if settings.is_development:
        return
    for words in too_low(get):
        say(words)
    files = get(resource.RLIMIT_NOFILE)[0]
    if _is_below(files, _FILES_MIN):
        raise ConfigurationError(
            f"{files} open files are allowed",
            expected=f"{_FILES_MIN} at least",
            remedy="give the container --ulimit nofile=100000",
        )


def check_directories(settings: NodeSettings) -> None:
    """Make those that are missing; raise ConfigurationError about one that cannot be written."""
    for directory in settings.directories:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(directory, error.strerror or str(error)) from error
        if not os.access(directory, os.W_OK | os.X_OK):
            raise _unwritable(directory, "it belongs to somebody else")


def check_certificates(settings: NodeSettings) -> None:
    """Raises ConfigurationError that names a file that cannot be read."""
    if settings.tls is None:
        return
    for file in (settings.tls / "ca.pem", settings.tls / "identity.pem"):
        try:
            file.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"{file} cannot be read: {error.strerror or error}",
                expected=f"a file that user {os.geteuid()} may read",
                remedy="make it with `muvr cassandra certificates`",
            ) from error


def _is_below(limit: int, least: int) -> bool:
    if limit == resource.RLIM_INFINITY:
        return False
    return least == resource.RLIM_INFINITY or limit < least


def _flag(limit: int) -> str:
    return "-1" if limit == resource.RLIM_INFINITY else str(limit)


def _unwritable(directory: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{directory} cannot be written: {why}",
        expected=f"a volume that user {os.geteuid()} owns",
        remedy=f"chown it to {os.geteuid()} on the machine, or start the container as root, which does so",
    )
