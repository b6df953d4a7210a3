"""How state crosses between phases, derived from their graphs and adapters."""

import zlib
from collections.abc import Mapping, Sequence
from itertools import permutations

from hptc.ir.adapter import RANDOM, Adapter, parts_of
from hptc.ir.graph import Graph, Phase, ValueKind
from hptc.schedule.model import Initialise, Transition

_CARRIED = frozenset({ValueKind.PARAMETER, ValueKind.BUFFER, ValueKind.RANDOM})


def transitions(
    graphs: Mapping[Phase, Graph], adapters: Sequence[Adapter], merge: Graph | None, seed: int
) -> tuple[Transition, ...]:
    """Return a transition for every ordered pair of distinct phases.

    There is always one from and to `full`, whose weights are those of the bundle. Entering `low`,
    the parts of the adapters start such that the model computes what it did before; leaving it,
    `merge` folds them into the frozen weights. Optimizer state starts at zero and is not listed.
    """
    phases = dict.fromkeys((Phase.FULL, *graphs))
    fresh = _initialisations(adapters, seed)
    found = []
    for src, dst in permutations(phases, 2):
        new = fresh if dst is Phase.LOW else ()
        known = _carried(graphs, src) & _carried(graphs, dst) - {item.name for item in new}
        copies = {name: name for name in sorted(known)}
        leaving = (tuple(adapters), merge) if src is Phase.LOW else ()
        found.append(Transition(src, dst, copies, new, *leaving))
    return tuple(found)


def _carried(graphs: Mapping[Phase, Graph], phase: Phase) -> set[str]:
    """Names of what a phase hands on; a phase that was not compiled has it all."""
    chosen = [graphs[phase]] if phase in graphs else list(graphs.values())
    values = (value for graph in chosen for value in graph.values)
    return {value.name for value in values if value.kind in _CARRIED}


def _initialisations(adapters: Sequence[Adapter], seed: int) -> tuple[Initialise, ...]:
    # A seed of its own for each part, the same whatever other weights are adapted.
    return tuple(
        Initialise(
            part.name,
            part.shape,
            part.start,
            seed ^ zlib.crc32(part.name.encode()) if part.start.scheme in RANDOM else 0,
        )
        for part in parts_of(adapters)
    )
