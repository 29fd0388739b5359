"""What the versions of the schema did that the declared tables do not say; both backends go through it.

Tables and columns that are missing are made from the declarations, whatever the version. Here stands what
has to be taken away. A change of `tables` that a store must notice raises SCHEMA_VERSION.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import ConfigurationError
from persistence.schema import KEYS, TRAINING

SCHEMA_VERSION = 7  # since 7 there are erasures, accesses and consents


@dataclass(frozen=True)
class DropTable:
    """A table of `keyspace` that nothing reads any more."""

    keyspace: str
    name: str


_STEPS: dict[int, tuple[DropTable, ...]] = {
    2: (DropTable(KEYS, "lease"),),  # in its place came `member` and `shard_view`
    4: (DropTable(TRAINING, "window"),),  # of another key; the next night cuts all windows again
}


def steps_since(version: int) -> tuple[DropTable, ...]:
    """What takes a schema of `version` to SCHEMA_VERSION, in order."""
    return tuple(step for number in range(version + 1, SCHEMA_VERSION + 1) for step in _STEPS.get(number, ()))


def check_not_newer(version: int, place: str) -> None:
    """Raise ConfigurationError if a newer muvr made what is in `place`."""
    if version > SCHEMA_VERSION:
        raise ConfigurationError(
            f"{place} has schema version {version}",
            expected=f"at most {SCHEMA_VERSION}",
            remedy="a newer muvr wrote it: run that version, or choose another place for the data",
        )
