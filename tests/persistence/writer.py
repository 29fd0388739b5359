"""A process that writes to a store until it is killed: what it prints is acknowledged.

python -m tests.persistence.writer LOCATION NAME COUNT
"""

from __future__ import annotations

import sys

from persistence.location import open_store
from persistence.ports import Insert
from persistence.tables import JOURNAL, VIEW
from tests.persistence import rows


def main(location: str, name: str, count: int) -> None:
    """Write journal rows 1 to `count` of `name`, after trying to be the first view, as all writers do."""
    store = open_store(location)
    (won,) = store.insert_if_absent(VIEW, [rows.view(1, name)])
    print("won" if won else "lost", flush=True)
    for number in range(1, count + 1):
        store.write([Insert(JOURNAL, rows.journal(number, of=name, event=bytes(500)))])
        print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
