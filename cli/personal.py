"""What `muvr train --user` learns from: one person's windows, known to training by a pseudonym."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cli.settings import NodeSettings
from domain.errors import InvalidInput
from domain.identifiers import check_identifier, pseudonym_of
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from persistence.secret_files import load_or_make_key

WINDOWS_MAX = 20_000  # five and a half hours of one person's sets


def subject_of(user: str, settings: NodeSettings) -> str:
    """The pseudonym under which the store's windows are the user's."""
    return pseudonym_of(user, load_or_make_key(settings.key_directory / "pseudonyms.key"))


def windows_of(user: str, settings: NodeSettings, windows: Iterable[LabelledWindow]) -> list[LabelledWindow]:
    """Those of `windows` that are the user's, the first WINDOWS_MAX; raises InvalidInput if there is none."""
    subject = subject_of(check_identifier("user", user), settings)
    found: list[LabelledWindow] = []
    for window in windows:
        if window.subject == subject and len(found) < WINDOWS_MAX:
            found.append(window)
    if not found:
        raise InvalidInput(
            f"no windows of user {user!r}",
            expected="sets that the user has confirmed, and a night since then",
            remedy="confirm some sets and wait for the night, or correct --user",
        )
    return found


def form(windows: Iterable[LabelledWindow], sensor_set: SensorSet) -> dict[str, Any]:
    """The form reference of each exercise, as JSON can hold it."""
    from training.personal import as_json, forms

    return as_json(forms(windows, sensor_set))
