"""JSON Schema (draft 2020-12) of frozen dataclasses, for readers that are not ours."""

import dataclasses
import inspect
import json
import re
import types
import typing
from typing import Any

from .coherent import SCHEMA_VERSION
from .contract import Contract

FILE = "contract.schema.json"
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema() -> dict[str, Any]:
    """Of a contract."""
    found: dict[str, Any] = {}
    body = of(Contract, found)
    del found[Contract.__name__]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Gambol contract {SCHEMA_VERSION}",
        **body,
        "$defs": found,
    }


def dump() -> bytes:
    """The one way in which it is written."""
    return (json.dumps(schema(), indent=1) + "\n").encode()


def of(hint: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Schema of a type. Those of dataclasses go into `found`, by name."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        name = getattr(hint, "__name__", "")
        if name not in found:
            found[name] = {}
            found[name] = of_dataclass(hint, found)
        return found[name] if hint is Contract else {"$ref": f"#/$defs/{name}"}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [{"type": "null"} if arm is type(None) else of(arm, found) for arm in inner]}
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin is tuple:
        return {"type": "array", "items": of(inner[0], found)}
    if origin is dict:
        return {"type": "object", "additionalProperties": of(inner[1], found)}
    return {"type": PLAIN[hint]}


def of_dataclass(kind: Any, found: dict[str, Any]) -> dict[str, Any]:
    """An object with every field, all required, and nothing else. Lines under fields become their descriptions."""
    hints, told = typing.get_type_hints(kind), descriptions(kind)
    properties = {name: of(hint, found) for name, hint in hints.items()}
    return {
        "type": "object",
        "properties": {
            name: body | ({"description": told[name]} if name in told and "$ref" not in body else {})
            for name, body in properties.items()
        },
        "required": list(hints),
        "additionalProperties": False,
    }


def descriptions(kind: Any) -> dict[str, str]:
    """The string under each field of a class."""
    found = re.findall(r'^    (\w+): [^\n]*\n    """(.*?)"""', inspect.getsource(kind), re.S | re.M)
    return {name: " ".join(text.split()) for name, text in found}
