"""Two targets side by side: what they say otherwise, by which source, and what follows from it."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from cost_models.overlay import REMARKS
from cost_models.ranges import tables_of
from cost_models.registry import KINDS
from hptc.target import Target

_Table = tuple[type[BaseModel], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the targets says."""

    value: object
    """None where it says nothing."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the targets say otherwise."""

    place: str
    """`devices.NAME`, `links.SRC-DST` or `topology`."""
    key: str
    left: Side
    right: Side


def differences(left: Target, right: Target) -> tuple[Difference, ...]:
    """Return every key of a device, link or topology that has another value in the other target.

    What only one target has, or has as another kind, is a single difference: its `kind`.
    """
    ours, theirs = _tables(left), _tables(right)
    return tuple(
        found
        for place in dict.fromkeys([*ours, *theirs])
        for found in _between(place, ours.get(place), theirs.get(place))
    )


def figures(left: Target, right: Target) -> tuple[Difference, ...]:
    """Return the figures of every device of either target, equal ones too."""
    ours, theirs = _figures(left), _figures(right)
    return tuple(
        Difference(*place, Side(ours.get(place)), Side(theirs.get(place)))
        for place in dict.fromkeys([*ours, *theirs])
    )


def _tables(target: Target) -> dict[str, _Table]:
    document = tomllib.loads(target.toml)
    return {place: (model, table) for place, model, table in tables_of(document)}


def _between(place: str, left: _Table | None, right: _Table | None) -> Iterator[Difference]:
    if left is None or right is None or left[0] is not right[0]:
        yield Difference(place, "kind", Side(_kind(left)), Side(_kind(right)))
        return
    keys = [key for key in ("kind", *left[0].model_fields) if key not in REMARKS]
    for key in keys:
        ours, theirs = _side(left, key), _side(right, key)
        if ours.value != theirs.value:
            yield Difference(place, key, ours, theirs)


def _kind(table: _Table | None) -> object:
    return None if table is None else table[1].get("kind", "link")


def _side(table: _Table, key: str) -> Side:
    """The value of a key, or what stands for it where it is left out."""
    model, content = table
    sources = content.get("sources")
    source = sources.get(key, "") if isinstance(sources, Mapping) else ""
    if key in content or key not in model.model_fields:
        return Side(content.get(key), source)
    return Side(model.model_fields[key].get_default(call_default_factory=True), "default")


def _figures(target: Target) -> dict[tuple[str, str], float]:
    return {
        (f"devices.{device.name}", name): value
        for device in target.devices
        for name, value in KINDS[device.kind].build(device.table).figures().items()
    }
