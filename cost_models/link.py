"""Links between devices: listed in a target one by one, or generated from a topology."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from math import ceil, sqrt
from typing import Literal

from pydantic import BaseModel, Field

from cost_models.model import TABLE, NonNegative, Positive
from hptc.target import LinkSpec

WIRE_FIGURES = ("latency", "energy")
"""What a table of measurements can validate of a wire."""


class WireTable(BaseModel):
    """What any wire is told about itself."""

    model_config = TABLE

    bandwidth_bytes_per_ns: Positive
    """Each way."""
    latency_ns: NonNegative
    energy_pj_per_bit: NonNegative
    sources: Mapping[str, str] = Field(default_factory=dict)
    """Where each number comes from, by its key; `assumption: ...` where nothing was found."""
    validation: Mapping[str, str] = Field(default_factory=dict)
    """For each of `WIRE_FIGURES` that was compared with a table: the table and the error."""


class LinkTable(WireTable):
    """One `[[links]]` entry."""

    src: str
    dst: str
    bidirectional: bool = True


class TopologyTable(WireTable):
    """`[topology]`: the wires of a regular interconnect.

    `bus` and `all-to-all` join every pair by one hop; transfers of different pairs are exclusive
    only on an exclusive wire, so a bus that is contended looks faster than it is. `mesh` lays the
    devices row by row on a grid as square as can be; latency and energy are charged for each hop.
    """

    kind: Literal["bus", "mesh", "all-to-all"]


def link_place(link: Mapping[str, object]) -> str:
    """Return the place of an entry of `[[links]]` in its document, `links.SRC-DST`."""
    name = f"{link.get('src')}-{link.get('dst')}"
    return f"links.{name}" if name.isprintable() else "links"


def links_of(
    devices: Sequence[str], topology: TopologyTable | None, listed: Sequence[LinkTable]
) -> tuple[LinkSpec, ...]:
    """Return every directed link; a listed one replaces the generated one of the same pair."""
    found: dict[tuple[str, str], LinkSpec] = {}
    if topology is not None:
        for src, dst in permutations(range(len(devices)), 2):
            hops = _hops(src, dst, len(devices)) if topology.kind == "mesh" else 1
            pair = (devices[src], devices[dst])
            found[pair] = _link(pair, topology, hops)
    for link in listed:
        found[link.src, link.dst] = _link((link.src, link.dst), link, 1)
        if link.bidirectional:
            found[link.dst, link.src] = _link((link.dst, link.src), link, 1)
    return tuple(found.values())


def _hops(src: int, dst: int, count: int) -> int:
    """Manhattan distance on the grid."""
    width = ceil(sqrt(count))
    return abs(src // width - dst // width) + abs(src % width - dst % width)


def _link(pair: tuple[str, str], wire: WireTable, hops: int) -> LinkSpec:
    return LinkSpec(
        src=pair[0],
        dst=pair[1],
        bandwidth_bytes_per_ns=wire.bandwidth_bytes_per_ns,
        latency_ns=wire.latency_ns * hops,
        energy_pj_per_bit=wire.energy_pj_per_bit * hops,
    )
