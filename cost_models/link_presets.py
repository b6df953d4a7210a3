"""Wires by name, for the `preset` key of a target's links and topology.

The numbers of a preset are written out where it is named, each with its source, so a bundle does
not depend on the presets of another version.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from cost_models.link import WireTable, link_place
from cost_models.mistakes import refuse_unknown
from cost_models.overlay import Document, laid_over
from cost_models.ranges import is_range


@cache
def link_presets() -> Mapping[str, Mapping[str, object]]:
    """Return the table of every preset by its name; its numbers may be ranges."""
    text = files("cost_models").joinpath("link_presets.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def link_preset(name: str) -> WireTable:
    """Return a preset with its typical numbers (KeyError if there is none of that name)."""
    table = link_presets()[name]
    return WireTable.model_validate({key: _typical(value) for key, value in table.items()})


def with_presets(document: Mapping[str, object], where: str) -> Document:
    """Return the document with every `preset` replaced by its numbers and their sources.

    Keys beside `preset` take the place of its own.

    Raises:
        TargetError: A preset is unknown.
    """
    result = dict(document)
    links, topology = document.get("links"), document.get("topology")
    if isinstance(links, list):
        result["links"] = [_expanded(link, where) for link in links]
    if topology is not None:
        result["topology"] = _expanded(topology, where)
    return result


def _expanded(wire: object, where: str) -> object:
    if not isinstance(wire, Mapping) or "preset" not in wire:
        return wire
    name = wire["preset"]
    if not isinstance(name, str) or name not in link_presets():
        place = link_place(wire) if "src" in wire else "topology"
        refuse_unknown(f"{where}, {place}", "a `preset`", str(name), [*link_presets()])
    preset = link_presets()[name]
    sources = {key: f"{text} (preset {name})" for key, text in link_preset(name).sources.items()}
    numbers = {key: value for key, value in wire.items() if key in WireTable.model_fields}
    rest = {key: value for key, value in wire.items() if key not in {"preset", *numbers}}
    return {**rest, **laid_over({**preset, "sources": sources}, numbers)}


def _typical(value: object) -> object:
    return value["typical"] if is_range(value) else value
