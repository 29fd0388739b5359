"""Runs a program on an agent and says at its end, on standard output, with which status it ended.

    python -m marathon.step PROGRAM ARGUMENT...

Mesos tells frameworks only whether a task succeeded; Metronome does not even tell why not.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence

EXIT_STATUS = "exit_status"
CANNOT_START = 127


def main(argv: Sequence[str]) -> int:
    try:
        program = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    except (OSError, ValueError) as error:
        print(f"{argv[0]} cannot be started: {error}", file=sys.stderr)
        return _told(CANNOT_START)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: program.send_signal(number))
    return _told(program.wait())


def _told(status: int) -> int:
    """On a line of its own, whatever the program printed last."""
    print("\n" + json.dumps({EXIT_STATUS: status}), flush=True)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
