"""The JSON Schema of target files, for editors and for programs that write them."""

from collections.abc import Iterable
from typing import Any

from cost_models.document import TargetDocument
from cost_models.link import WIRE_FIGURES, WireTable
from cost_models.link_presets import link_presets
from cost_models.ranges import with_range_schema
from cost_models.registry import KINDS


def target_schema() -> dict[str, object]:
    """Return the JSON Schema of a target file.

    Keys of devices that `extends` can supply are not marked as required.
    """
    schema = TargetDocument.model_json_schema()
    tables: dict[str, dict[str, Any]] = schema.setdefault("$defs", {})
    definitions = {name: with_range_schema(table) for name, table in tables.items()}
    schema["$defs"] = definitions
    for wire in ("LinkTable", "TopologyTable"):
        _complete_wire(definitions[wire])
    for kind, entry in KINDS.items():
        device = with_range_schema(entry.params.model_json_schema())
        device.pop("required", None)
        device["properties"]["validation"] = _remarks(entry.figures)
        device["properties"]["kind"] = {"const": kind}
        definitions[kind] = device
    choices = [{"$ref": f"#/$defs/{kind}"} for kind in KINDS]
    schema["properties"]["devices"]["additionalProperties"] = {"anyOf": choices}
    schema["properties"]["extends"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    }
    schema.pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _complete_wire(wire: dict[str, Any]) -> None:
    """Add what a table of measurements can say, and `preset`, which supplies required numbers."""
    wire["properties"]["validation"] = _remarks(WIRE_FIGURES)
    wire["properties"]["preset"] = {"enum": sorted(link_presets())}
    supplied = {*WireTable.model_fields}
    wire["required"] = [key for key in wire["required"] if key not in supplied]


def _remarks(keys: Iterable[str]) -> dict[str, object]:
    """A table of texts with some keys."""
    texts = {key: {"type": "string"} for key in keys}
    return {"type": "object", "properties": texts, "additionalProperties": False}
