"""How state crosses between phases, derived from their graphs and adapters."""

import zlib
from collections.abc import Mapping, Sequence

from hptc.ir.adapter import Adapter
from hptc.ir.graph import Graph, Phase, ValueKind
from hptc.schedule.model import Initialise, Merge, Transition

_CARRIED = frozenset({ValueKind.PARAMETER, ValueKind.BUFFER, ValueKind.RANDOM})


def transitions(
    graphs: Mapping[Phase, Graph], adapters: Sequence[Adapter], seed: int
) -> tuple[Transition, ...]:
    """Return a transition for every ordered pair of distinct phases.

    There is always one from and to `full`, whose weights are those of the bundle. Entering `low`,
    A is drawn and B is zero, so that the model computes what it did before (Hu et al. 2022);
    leaving it, the product is merged into the frozen weight. Optimizer state starts at zero and is
    not listed.
    """
    phases = dict.fromkeys((Phase.FULL, *graphs))
    return tuple(
        _transition(graphs, src, dst, adapters, seed)
        for src in phases
        for dst in phases
        if src is not dst
    )


def _transition(
    graphs: Mapping[Phase, Graph], src: Phase, dst: Phase, adapters: Sequence[Adapter], seed: int
) -> Transition:
    fresh = _initialisations(adapters, seed) if dst is Phase.LOW else ()
    drawn = {item.name for item in fresh}
    known = _carried(graphs, src) & _carried(graphs, dst) - drawn
    copies = {name: name for name in sorted(known)}
    merges = tuple(
        Merge(item.weight, item.a, item.b, item.scale, item.transposed)
        for item in (adapters if src is Phase.LOW else ())
    )
    return Transition(src, dst, copies, fresh, merges)


def _carried(graphs: Mapping[Phase, Graph], phase: Phase) -> set[str]:
    """Names of what a phase hands on; a phase that was not compiled has it all."""
    chosen = [graphs[phase]] if phase in graphs else list(graphs.values())
    values = (value for graph in chosen for value in graph.values)
    return {value.name for value in values if value.kind in _CARRIED}


def _initialisations(adapters: Sequence[Adapter], seed: int) -> tuple[Initialise, ...]:
    found = []
    for item in adapters:
        # A seed of its own for each weight, the same whatever other weights are adapted.
        own = seed ^ zlib.crc32(item.weight.encode())
        found.append(Initialise(item.a, (item.inner, item.rank), "kaiming-uniform", own))
        found.append(Initialise(item.b, (item.rank, item.outer), "zeros", own))
    return tuple(found)
