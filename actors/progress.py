"""How far a program of the night is, from the JSON objects that it prints."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

MESSAGE_CHARACTERS_MAX = 400
RESULT_CHARACTERS_MAX = 1 << 16


class Progress:
    """`share` is from 0 to 1, `result` is JSON."""

    def __init__(self) -> None:
        self.share = 0.0
        self.message = "starting"
        self.result: str | None = None

    def take(self, line: Mapping[str, Any]) -> None:
        """Take a line of progress (`done`, `total`, `message`), or the `result`; pass over anything else.

        Of a result that is too long only that is kept.
        """
        if isinstance(result := line.get("result"), dict):
            text = json.dumps(result)
            is_too_long = len(text) > RESULT_CHARACTERS_MAX
            self.result = json.dumps({"left_out_characters": len(text)}) if is_too_long else text
            return
        share = _share(line.get("done"), line.get("total"))
        if share is not None:
            self.share, self.message = share, str(line.get("message", ""))[:MESSAGE_CHARACTERS_MAX]


def _share(done: object, total: object) -> float | None:
    """What part is done; None if a program printed something else."""
    if not isinstance(done, int | float) or not isinstance(total, int | float):
        return None
    with suppress(OverflowError, ZeroDivisionError):
        share = done / total
        return min(1.0, max(0.0, share)) if math.isfinite(share) else None
    return None
