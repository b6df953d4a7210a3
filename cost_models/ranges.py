"""Numbers that sources disagree about: `KEY = {low = ..., typical = ..., high = ...}` in a target.

Any numeric key of a device, of a link or of the topology may be such a range. Costs are worked out
from the typical number; `hptc.sensitivity` puts the ends in its place. A path names a number:
`devices.NAME.KEY`, `links.SRC-DST.KEY` or `topology.KEY`.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any, TypeGuard

import tomli_w
from pydantic import BaseModel

from cost_models.link import LinkTable, TopologyTable, link_place
from cost_models.mistakes import shown
from cost_models.registry import KINDS
from hptc.errors import TargetError
from hptc.target import NumberRange

Document = dict[str, object]
ENDS = ("low", "typical", "high")
_NUMBERS = {"number", "integer"}


def is_range(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether a value of a target file is meant as a range, not as a table of tables."""
    if not isinstance(value, Mapping) or value.keys().isdisjoint(ENDS):
        return False
    return not any(isinstance(item, Mapping) for item in value.values())


def ranges_of(document: Mapping[str, object], where: str) -> tuple[NumberRange, ...]:
    """Return the ranges of a target document, in the order of their tables.

    Only what they say of themselves is checked, not whether the numbers suit their key.

    Raises:
        TargetError: A range lacks a number or has them in disorder, or its key takes no number.
    """
    return tuple(
        _range(f"{place}.{key}", value, table, where)
        for place, model, table in tables_of(document)
        for key, value in table.items()
        if _means_range(key, value, model, f"{where}, {place}")
    )


def with_numbers(document: Mapping[str, object], numbers: Mapping[str, float]) -> Document:
    """Return the document with the numbers at some paths replaced."""
    return _replaced(document, numbers)


def to_toml(document: Mapping[str, object]) -> str:
    """Return a document as TOML with each range in a line (tomli_w makes tables of them)."""
    ranges = ranges_of(document, "")
    marks = {item.path: f"<range of {item.path}>" for item in ranges}
    text = tomli_w.dumps(_replaced(document, marks))
    for item in ranges:
        inline = value_text({end: getattr(item, end) for end in ENDS})
        text = text.replace(f'"{marks[item.path]}"', inline)
    return text


def value_text(value: object) -> str:
    """Return a value in words, a range as target files write it."""
    if not is_range(value):
        return str(value)
    return f"{{ {', '.join(tomli_w.dumps(value).splitlines())} }}"


def with_range_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a table with a range allowed wherever a number is."""
    properties = {
        key: {"anyOf": [entry, _range_schema(entry)]} if _takes_number(entry) else entry
        for key, entry in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _range(path: str, value: object, table: Mapping[str, object], where: str) -> NumberRange:
    found = value if isinstance(value, Mapping) else {}
    at, key = f"{where}, {path}", path.rpartition(".")[2]
    if found.keys() != set(ENDS):
        raise TargetError(
            at,
            expected=f"a number, or a range with the keys {', '.join(ENDS)}",
            found=f"a table with the keys {', '.join(map(str, found)) or 'none'}",
            hint="A range is given whole, also where it replaces another.",
        )
    low, typical, high = (found[end] for end in ENDS)
    if not all(_is_number(number) for number in (low, typical, high)):
        raise TargetError(at, expected="low, typical and high to be numbers", found=shown(found))
    if not low <= typical <= high:
        raise TargetError(
            at, expected="low <= typical <= high", found=f"{low}, {typical} and {high}"
        )
    return NumberRange(path, low, typical, high, _source(table, key))


def _means_range(key: str, value: object, model: type[BaseModel], where: str) -> bool:
    """Whether a key holds a range: a table where a number belongs."""
    numeric = numeric_keys(model)
    if not isinstance(value, Mapping) or key not in model.model_fields:
        return False  # an unknown key is told by the model
    if is_range(value) and key not in numeric:
        raise TargetError(
            f"{where}.{key}",
            expected=f"a range only on a number: one of {', '.join(sorted(numeric))}",
            found=shown(value),
        )
    return key in numeric


@cache
def numeric_keys(model: type[BaseModel]) -> frozenset[str]:
    """Return the keys of a table that take a number."""
    properties = model.model_json_schema()["properties"]
    return frozenset(key for key, entry in properties.items() if _takes_number(entry))


def _takes_number(entry: Mapping[str, Any]) -> bool:
    choices = entry.get("anyOf", [entry])
    return any(choice.get("type") in _NUMBERS for choice in choices)


def _range_schema(entry: Mapping[str, Any]) -> dict[str, object]:
    number = {key: value for key, value in entry.items() if key not in {"title", "description"}}
    return {
        "type": "object",
        "properties": dict.fromkeys(ENDS, number),
        "required": [*ENDS],
        "additionalProperties": False,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _source(table: Mapping[str, object], key: str) -> str:
    sources = table.get("sources")
    return str(sources.get(key, "")) if isinstance(sources, Mapping) else ""


def _replaced(document: Mapping[str, object], values: Mapping[str, object]) -> Document:
    result = deepcopy(dict(document))
    for place, _, table in tables_of(result):
        table.update({k: values[f"{place}.{k}"] for k in table if f"{place}.{k}" in values})
    return result


def tables_of(
    document: Mapping[str, object],
) -> Iterator[tuple[str, type[BaseModel], Document]]:
    """Yield place, model and content of every device, link and topology of a document."""
    devices, links = document.get("devices"), document.get("links")
    for name, table in devices.items() if isinstance(devices, dict) else ():
        kind = KINDS.get(str(table.get("kind"))) if isinstance(table, dict) else None
        if kind is not None:
            yield f"devices.{name}", kind.params, table
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict):
            yield link_place(link), LinkTable, link
    topology = document.get("topology")
    if isinstance(topology, dict):
        yield "topology", TopologyTable, topology
