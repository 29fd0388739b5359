"""What the environment and the file say: `muvr.toml` here, or the file that MUVR_CONFIG or --config names."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.configuration.registry import (
    BY_KEY,
    BY_VARIABLE,
    FILE_VARIABLE,
    PREFIX,
    SETTINGS,
    TEST_PREFIX,
    Setting,
)
from domain.errors import ConfigurationError

FILE_NAME = "muvr.toml"
FILE_BYTES_MAX = 1 << 20
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_EXPECTED = {
    str: "a text",
    Path: "a path, as a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list of texts",
}


class WrongSetting(ConfigurationError):
    """What environment or file say cannot be: as wrong usage, for whoever started the command."""

    code = "wrong_setting"


@dataclass(frozen=True, kw_only=True)
class Said:
    """A value of the setting's kind, and where it stands: a variable, or the file and the key."""

    value: Any
    place: str


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What was said by key; the environment goes before the file. `file` is absolute; None: there is none."""

    file: Path | None = None
    said: Mapping[str, Said] = field(default_factory=dict)

    @contextmanager
    def passed_on(self) -> Iterator[None]:
        """Programs that are started meanwhile read the same file, and find what they look up themselves."""
        added = {FILE_VARIABLE: str(self.file)} if self.file else {}
        for setting in SETTINGS:
            if setting.is_passed_on and setting.key in self.said:
                added[setting.variable] = str(self.said[setting.key].value)
        before = {name: os.environ.get(name) for name in added}
        os.environ.update(added)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def read(named: Path | None, environ: Mapping[str, str], directory: Path) -> Configuration:
    """Raises WrongSetting: a file that cannot be read, an unknown name, a value of the wrong kind."""
    file = _file(named, environ, directory)
    said = _of_file(file) if file else {}
    return Configuration(file=file, said=said | _of_environment(environ))


def _file(named: Path | None, environ: Mapping[str, str], directory: Path) -> Path | None:
    if named is None and environ.get(FILE_VARIABLE):
        named = Path(environ[FILE_VARIABLE])
    if named is not None:
        return (directory / named).absolute()
    found = (directory / FILE_NAME).absolute()
    return found if found.exists() else None


def _of_file(file: Path) -> dict[str, Said]:
    said = {}
    for key, value in _flat(file, _parsed(file)):
        setting = BY_KEY.get(key)
        if setting is None:
            raise WrongSetting(f"{file}: nothing is called {key!r}", **_nearest(key, list(BY_KEY)))
        said[key] = Said(value=_of_toml(setting, value, file), place=f"{file}: {key}")
    return said


def _parsed(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise WrongSetting(
            f"{file} cannot be read: {error.strerror}", remedy=f"correct --config or {FILE_VARIABLE}"
        ) from error
    if len(content) > FILE_BYTES_MAX:
        raise WrongSetting(f"{file} is too long", expected=f"at most {FILE_BYTES_MAX} bytes")
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise WrongSetting(f"{file} is no TOML: {error}", remedy="correct it") from error


def _flat(file: Path, parsed: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    tables = {key.partition(".")[0] for key in BY_KEY if "." in key}
    for name, value in parsed.items():
        if name not in tables:
            yield name, value
            continue
        if not isinstance(value, dict):
            raise WrongSetting(f"{file}: {name} is {value!r}", expected=f"a table, [{name}]")
        for below, inner in value.items():
            yield f"{name}.{below}", inner


def _of_toml(setting: Setting, value: Any, file: Path) -> Any:
    place = f"{file}: {setting.key}"
    if setting.kind is Path and isinstance(value, str):
        return file.parent / value  # as whoever wrote the file sees it, wherever a command is started
    if setting.kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if setting.kind is list and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    if setting.kind is not list and type(value) is setting.kind:
        return value
    raise _wrong_kind(setting, value, place)


def _of_environment(environ: Mapping[str, str]) -> dict[str, Said]:
    said = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name == FILE_VARIABLE or name.startswith(TEST_PREFIX):
            continue
        setting = BY_VARIABLE.get(name)
        if setting is None:
            known = [FILE_VARIABLE, *BY_VARIABLE]
            raise WrongSetting(f"no setting has the variable {name}", **_nearest(name, known))
        if text:  # an empty one counts as none, as is usual
            said[setting.key] = Said(value=_of_text(setting, text), place=name)
    return said


def _of_text(setting: Setting, text: str) -> Any:
    if setting.kind is bool:
        lower = text.strip().lower()
        if lower in _TRUE or lower in _FALSE:
            return lower in _TRUE
        raise _wrong_kind(setting, text, setting.variable)
    if setting.kind is list:
        return text.split()
    try:
        return setting.kind(text)
    except ValueError:
        raise _wrong_kind(setting, text, setting.variable) from None


def _wrong_kind(setting: Setting, value: Any, place: str) -> WrongSetting:
    shown = "what it must not be" if setting.is_secret else repr(value)
    return WrongSetting(f"{place} is {shown}", expected=_EXPECTED[setting.kind], remedy="correct it")


def _nearest(name: str, known: list[str]) -> dict[str, str]:
    """What was probably meant; names that differ in their table only count as near."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    last = name.rpartition(".")[2]
    same = [each for each in known if each.rpartition(".")[2] == last]
    return {"expected": f"perhaps {(same or [near])[0]}", "remedy": "`muvr config show` lists all"}
