"""The part of JSON Schema that the schema of targets uses; a keyword without a rule is an error."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_REMARKS = {"$schema", "$defs", "title", "description", "default", "properties"}


def accepts(schema: Schema, value: object, root: Schema) -> bool:
    """Say whether a value is valid."""
    return all(_RULES[key](schema, value, root) for key in schema.keys() - _REMARKS)


def _is_of_type(schema: Schema, value: object, _: Schema) -> bool:
    if isinstance(value, bool) and schema["type"] != "boolean":
        return False
    inner = schema.get("properties", {})
    fields = value if isinstance(value, dict) else {}
    return isinstance(value, _TYPES[schema["type"]]) and all(
        accepts(inner[key], item, _) for key, item in fields.items() if key in inner
    )


def _keeps_to_keys(schema: Schema, value: Any, root: Schema) -> bool:
    others = schema["additionalProperties"]
    rest = [item for key, item in value.items() if key not in schema.get("properties", {})]
    if isinstance(others, bool):
        return others or not rest
    return all(accepts(others, item, root) for item in rest)


_RULES: Mapping[str, Callable[[Schema, Any, Schema], bool]] = {
    "type": _is_of_type,
    "$ref": lambda s, value, root: accepts(root["$defs"][s["$ref"].split("/")[-1]], value, root),
    "anyOf": lambda s, value, root: any(accepts(choice, value, root) for choice in s["anyOf"]),
    "const": lambda s, value, _: bool(value == s["const"]),
    "pattern": lambda s, value, _: isinstance(value, str) and bool(re.search(s["pattern"], value)),
    "enum": lambda s, value, _: value in s["enum"],
    "minimum": lambda s, value, _: _is_number(value) and value >= s["minimum"],
    "maximum": lambda s, value, _: _is_number(value) and value <= s["maximum"],
    "exclusiveMinimum": lambda s, value, _: _is_number(value) and value > s["exclusiveMinimum"],
    "required": lambda s, value, _: isinstance(value, dict) and {*s["required"]} <= value.keys(),
    "minItems": lambda s, value, _: len(value) >= s["minItems"],
    "minProperties": lambda s, value, _: (
        isinstance(value, dict) and len(value) >= s["minProperties"]
    ),
    "additionalProperties": lambda s, value, root: (
        isinstance(value, dict) and _keeps_to_keys(s, value, root)
    ),
    "items": lambda s, value, root: (
        isinstance(value, list) and all(accepts(s["items"], item, root) for item in value)
    ),
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
