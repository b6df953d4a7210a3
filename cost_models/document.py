"""The shape of a target file, and how its mistakes are told.

The numbers of devices, links and topologies carry their source in a table beside them, `sources`,
with one entry a key, and the tables that checked them in another, `validation`. Links and
topologies may name a `preset` (`link_presets`), which is replaced by its numbers before a document
gets here.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from cost_models.link import WIRE_FIGURES, LinkTable, TopologyTable, WireTable, link_place
from cost_models.mistakes import refuse_unknown, validated
from cost_models.model import TABLE, DeviceParams
from cost_models.overlay import REMARKS, directions
from cost_models.ranges import ranges_of, with_numbers
from cost_models.registry import KINDS
from hptc.errors import TargetError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def _one_line(name: str) -> str:
    """Refuse a name that would not show as one."""
    if not name.strip() or not name.isprintable():
        raise ValueError("a line of text")
    return name


class TargetDocument(BaseModel):
    """A target file after `extends`; device tables are checked by their kind."""

    model_config = TABLE

    schema_version: Literal[1]
    name: Annotated[str, AfterValidator(_one_line)]
    description: str = ""
    devices: dict[str, dict[str, object]] = Field(min_length=1)
    links: list[LinkTable] = Field(default_factory=list)
    topology: TopologyTable | None = None


def parse_document(data: Mapping[str, object], where: str) -> TargetDocument:
    """Check a whole document, devices included, with its ranges at either end.

    Returns:
        The document with the typical number in the place of each range.

    Raises:
        TargetError: Naming the file, the key and what is allowed there.
    """
    ranges = ranges_of(data, where)
    typical = with_numbers(data, {item.path: item.typical for item in ranges})
    for item in ranges:
        for end in {item.low, item.high} - {item.typical}:
            _parse_numbers(with_numbers(typical, {item.path: end}), where)
    return _parse_numbers(typical, where)


def _parse_numbers(data: Mapping[str, object], where: str) -> TargetDocument:
    document = validated(TargetDocument, data, where)
    for name, table in document.devices.items():
        _check_device(name, table, f"{where}, devices.{name}")
    _check_wires(document, where)
    return document


def _check_device(name: str, table: Mapping[str, object], where: str) -> None:
    if not _NAME.fullmatch(name):
        raise TargetError(
            where, expected="a device name of letters, digits, - and _", found=repr(name)
        )
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        refuse_unknown(where, "a device `kind`", str(kind), tuple(KINDS))
    params = KINDS[kind].params
    values = {key: value for key, value in table.items() if key != "kind"}
    checked = validated(params, values, where)
    _check_remarks(checked, KINDS[kind].figures, where)


def _check_remarks(table: DeviceParams | WireTable, figures: Collection[str], where: str) -> None:
    """Refuse sources of keys, and validation of figures, that do not exist."""
    keys = type(table).model_fields.keys() - REMARKS
    for name, found, allowed in (
        ("sources", table.sources, keys),
        ("validation", table.validation, figures),
    ):
        for key in found:
            if key not in allowed:
                refuse_unknown(f"{where}.{name}", f"the keys of {name}", key, [*allowed])


def _check_wires(document: TargetDocument, where: str) -> None:
    if document.topology is not None:
        _check_remarks(document.topology, WIRE_FIGURES, f"{where}, topology")
    for link in document.links:
        place = f"{where}, {link_place(link.model_dump())}"
        _check_remarks(link, WIRE_FIGURES, place)
        _check_ends(link, [*document.devices], place)
    _check_pairs(document, where)
    if document.topology is None:
        _check_reach(document, where)


def _check_ends(link: LinkTable, devices: Sequence[str], place: str) -> None:
    for end in (link.src, link.dst):
        if end not in devices:
            refuse_unknown(place, "a device of this target", end, devices)
    if link.src == link.dst:
        raise TargetError(place, expected="two different devices", found=f"both ends {link.src!r}")


def _check_pairs(document: TargetDocument, where: str) -> None:
    """Refuse links of which a later one has taken the place."""
    told: set[tuple[str, str]] = set()
    for link in reversed(document.links):
        pairs = directions(link.model_dump())
        if pairs <= told:
            raise TargetError(
                f"{where}, links",
                expected="one link for each pair of devices and direction",
                found=f"another from {link.src} to {link.dst}",
            )
        told |= pairs


def _check_reach(document: TargetDocument, where: str) -> None:
    """Refuse a device that no listed link joins to another."""
    linked = {end for link in document.links for end in (link.src, link.dst)}
    alone = [name for name in document.devices if name not in linked]
    if len(document.devices) > 1 and alone:
        raise TargetError(
            where,
            expected="every device to be linked to another",
            found=f"no link to or from {', '.join(alone)}",
            hint="Add a [[links]] entry, or a [topology].",
        )
