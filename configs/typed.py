"""Frozen dataclasses to and from plain data: settings in YAML, contracts in JSON.

Every key and every type is checked: what is not a field is refused by name, with the nearest one that is.
"""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

KINDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "text"}


def to_mapping(value: Any) -> Any:
    """A dataclass as plain dicts, lists and scalars."""
    if dataclasses.is_dataclass(value):
        return {f.name: to_mapping(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: to_mapping(item) for key, item in value.items()}
    return [to_mapping(item) for item in value] if isinstance(value, tuple) else value


def from_mapping(kind: type[T], data: Any, where: str = "") -> T:
    """The dataclass `kind` filled from plain `data` that stands at the dotted key `where`.

    Raises `ValueError` naming the key, the value and what was expected.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where or 'the file'} is {_show(data)}: expected settings, one 'key: value' a line")
    hints = typing.get_type_hints(kind)
    dotted = {key: f"{where}.{key}" if where else str(key) for key in data}
    for key in data:
        if key not in hints:
            raise ValueError(f"{dotted[key]} is not a setting: {nearest(str(key), list(hints), where)}")
    for name in sorted(needed(kind) - set(data)):
        raise ValueError(f"{where}.{name} is missing" if where else f"{name} is missing")
    return kind(**{key: _convert(hints[key], value, dotted[key]) for key, value in data.items()})


def needed(kind: Any) -> set[str]:
    """The fields of a dataclass that have no default."""
    none = dataclasses.MISSING
    return {f.name for f in dataclasses.fields(kind) if f.default is none and f.default_factory is none}


def _convert(hint: Any, value: Any, where: str) -> Any:
    """`value` as the type `hint` says, without guessing."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_mapping(typing.cast(type, hint), value, where)
    if origin in (types.UnionType, typing.Union) and all(map(dataclasses.is_dataclass, inner)):
        return from_mapping(_of_task(inner, value, where), value, where)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _convert(next(arm for arm in inner if arm is not type(None)), value, where)
    if origin is typing.Literal:
        good, wanted = any(type(value) is type(choice) and value == choice for choice in inner), _join(inner)
    elif origin is tuple:
        if isinstance(value, list | tuple):
            return tuple(_convert(inner[0], item, f"{where}[{i}]") for i, item in enumerate(value))
        good, wanted = False, "a list, like [a, b]"
    elif origin is dict:
        if isinstance(value, Mapping):
            return {key: _convert(inner[1], item, f"{where}.{key}") for key, item in value.items()}
        good, wanted = False, "names with their values"
    elif hint is float:
        good, wanted = type(value) in (int, float) and math.isfinite(value), KINDS[float]
        value = float(value) if good else value
    else:
        good, wanted = type(value) is hint, KINDS[hint]
    if not good:
        raise ValueError(f"{where} is {_show(value)}: expected {wanted}")
    return value


def _of_task(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """The one of some dataclasses that `value` is of: that whose `task` it names, the first if it names none."""
    by_task = {next(f.default for f in dataclasses.fields(kind) if f.name == "task"): kind for kind in kinds}
    task = value.get("task", next(iter(by_task))) if isinstance(value, Mapping) else next(iter(by_task))
    if task not in by_task:
        raise ValueError(f"{where}.task is {_show(task)}: expected {_join(tuple(by_task))}")
    return by_task[task]


def nearest(name: str, known: list[str], where: str = "") -> str:
    """What the writer of `name` probably meant."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if not near:
        return f"choose one of {', '.join(known)}"
    return f"did you mean {where}.{near[0]}?" if where else f"did you mean {near[0]}?"


def _join(choices: tuple[Any, ...]) -> str:
    return " or ".join(str(choice) for choice in choices)


def _show(value: Any) -> str:
    """`value` in one short line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
