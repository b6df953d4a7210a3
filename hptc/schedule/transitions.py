"""How state crosses between phases, derived from their graphs and adapters."""

import zlib
from collections.abc import Mapping, Sequence

from hptc.ir.adapter import Adapter
from hptc.ir.graph import Graph, Phase, ValueKind
from hptc.schedule.model import Initialise, Merge, Transition

_CARRIED = frozenset({ValueKind.PARAMETER, ValueKind.BUFFER})


def transitions(
    graphs: Mapping[Phase, Graph], adapters: Sequence[Adapter], seed: int
) -> tuple[Transition, ...]:
    """Return a transition for every ordered pair of distinct phases.

    There is always one from `full`, since the weights of a bundle are those that enter it. Entering `low`, A is drawn and B is zero, so that the model computes what it did before (Hu et
    al. 2022); leaving it, the product is merged into the frozen weight. Optimizer state starts at
    zero and is not listed.
    """
    sources = dict.fromkeys((Phase.FULL, *graphs))
    return tuple(
        _transition(graphs, src, dst, adapters, seed)
        for src in sources
        for dst in graphs
        if src is not dst
    )


def _transition(
    graphs: Mapping[Phase, Graph], src: Phase, dst: Phase, adapters: Sequence[Adapter], seed: int
) -> Transition:
    fresh = _initialisations(adapters, seed) if dst is Phase.LOW else ()
    drawn = {item.name for item in fresh}
    have = {value.name for value in graphs[src].values} if src in graphs else None
    copies = {
        value.name: value.name
        for value in graphs[dst].values
        if value.kind in _CARRIED
        and value.name not in drawn
        and (have is None or value.name in have)
    }
    merges = tuple(
        Merge(item.weight, item.a, item.b, item.scale, item.transposed)
        for item in (adapters if src is Phase.LOW else ())
    )
    return Transition(src, dst, copies, fresh, merges)


def _initialisations(adapters: Sequence[Adapter], seed: int) -> tuple[Initialise, ...]:
    found = []
    for item in adapters:
        # A seed of its own for each weight, the same whatever other weights are adapted.
        own = seed ^ zlib.crc32(item.weight.encode())
        found.append(Initialise(item.a, (item.inner, item.rank), "kaiming-uniform", own))
        found.append(Initialise(item.b, (item.rank, item.outer), "zeros", own))
    return tuple(found)
