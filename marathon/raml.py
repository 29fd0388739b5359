"""Marathon's own RAML types, compiled to JSON schema: of RAML 1.0 what those files use.

https://github.com/raml-org/raml-spec/blob/master/versions/raml-10/raml-10.md. A type is named
`FILE.TYPE`, as `app.App`. What RAML leaves open is closed here: a property that a type does not have is an
error, since Marathon would ignore or refuse it, and either is a surprise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from domain.errors import ConfigurationError

Schema = dict[str, Any]

SCHEMA_VERSION = "http://json-schema.org/draft-07/schema#"
_BUILT_IN: Mapping[str, Schema] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "nil": {"type": "null"},
    "any": {},
    "object": {"type": "object"},
    "array": {"type": "array"},
    "datetime": {"type": "string", "format": "date-time"},
}
_RULES = (
    "minimum", "maximum", "minLength", "maxLength", "pattern", "enum", "minItems", "maxItems", "uniqueItems",
    "default",
)  # fmt: skip
_PATTERN_NAME = re.compile(r"/(.*)/\??")


@cache
def schema(name: str) -> Schema:
    """The JSON schema of a type, with all that it refers to. Raises ConfigurationError if there is none."""
    definitions: dict[str, Schema] = {}
    _define(name, definitions)
    return {"$schema": SCHEMA_VERSION, **_reference(name), "definitions": definitions}


@cache
def library(file: str) -> Mapping[str, Any]:
    """A file of RAML, as its YAML says."""
    place = files("marathon") / "schemas" / "raml" / f"{file}.raml"
    try:
        found: Mapping[str, Any] = yaml.safe_load(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"Marathon has no types called {file!r}") from error
    return found


def _define(name: str, definitions: dict[str, Schema]) -> None:
    """`name` and everything that it refers to."""
    if name in definitions:
        return
    file, _, type_name = name.partition(".")
    types = library(file)["types"]
    if type_name not in types:
        raise ConfigurationError(f"Marathon has no type {name!r}")
    definitions[name] = {}  # a type may refer to itself
    compiler = _Compiler(file, definitions)
    definitions[name] = compiler.declared(types[type_name])
    if isinstance(types[type_name], dict) and "discriminator" in types[type_name]:
        definitions[name] = compiler.alternatives(type_name)


def _reference(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


class _Compiler:
    """Of the types of one file."""

    def __init__(self, file: str, definitions: dict[str, Schema]) -> None:
        self._file = file
        self._definitions = definitions
        self._uses = {alias: str(path).removesuffix(".raml") for alias, path in _uses(file).items()}

    def declared(self, declaration: Any) -> Schema:
        """Of a type's or a property's declaration: the name of a type, or a map of what holds for it."""
        if declaration is None or isinstance(declaration, str):
            return self._expression(declaration or "string")
        kind = declaration.get("type", "object" if "properties" in declaration else "string")
        rules = {rule: declaration[rule] for rule in _RULES if rule in declaration}
        if "enum" in rules:
            rules["enum"] = list(rules["enum"])
        if "items" in declaration:
            rules["items"] = self.declared(declaration["items"])
        if "properties" in declaration:
            rules |= self._properties(declaration["properties"], kind)
        base = self._expression(kind)
        if "$ref" in base and "properties" in rules:
            return self._inherited(base, rules)
        if "$ref" in base or "anyOf" in base:
            return {"allOf": [base], **rules} if rules else base
        return {**base, **rules}

    def _inherited(self, base: Schema, rules: Schema) -> Schema:
        """A type that adds properties to those of another one."""
        parent = self._definitions[base["$ref"].rpartition("/")[2]]
        required = [*parent.get("required", ()), *rules.get("required", ())]
        merged = {**parent, **rules, "properties": {**parent["properties"], **rules["properties"]}}
        return {**merged, "required": required} if required else merged

    def alternatives(self, name: str) -> Schema:
        """A type with a discriminator is any of those that inherit from it."""
        types = library(self._file)["types"]
        inner = [
            other for other, each in types.items() if isinstance(each, dict) and each.get("type") == name
        ]
        return {"anyOf": [self._expression(other) for other in inner]}

    def _properties(self, properties: Mapping[str, Any], kind: Any) -> Schema:
        own: dict[str, Schema] = {}
        patterns: dict[str, Schema] = {}
        required = []
        for written, declaration in properties.items():
            if match := _PATTERN_NAME.fullmatch(written):
                patterns[match[1]] = self.declared(declaration)
                continue
            name = written.removesuffix("?")
            own[name] = self.declared(declaration)
            if not _is_optional(written, declaration):
                required.append(name)
        found: Schema = {"properties": own, "additionalProperties": False}
        if patterns:
            found["patternProperties"] = patterns
        if required:
            found["required"] = required
        return found

    def _expression(self, text: Any) -> Schema:
        """`number`, `strings.PathId`, `App[]`, `A | B`."""
        words = str(text).strip()
        if words.startswith("(") and words.endswith(")"):
            return self._expression(words[1:-1])
        if "|" in words:
            return {"anyOf": [self._expression(part) for part in words.split("|")]}
        if words.endswith("[]"):
            return {"type": "array", "items": self._expression(words[:-2])}
        if words.removesuffix("?") in _BUILT_IN:
            return dict(_BUILT_IN[words.removesuffix("?")])
        alias, dot, inner = words.partition(".")
        name = f"{self._uses[alias]}.{inner}" if dot else f"{self._file}.{words}"
        _define(name, self._definitions)
        return _reference(name)


def _uses(file: str) -> Mapping[str, Any]:
    return library(file).get("uses") or {}


def _is_optional(name: str, declaration: Any) -> bool:
    """Marathon's parser fills a default in where a required property is missing."""
    if name.endswith("?"):
        return True
    return isinstance(declaration, dict) and (
        "default" in declaration or declaration.get("required") is False
    )
