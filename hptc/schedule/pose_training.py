"""From priced phases and their transitions to a whole training in numbers.

A state that a phase trains lies on its home there, and then goes where the next phases read it or
have its home. All else is loaded like before the first phase, and so is everything where the next
phase has another target.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import networkx as nx

from hptc.cost import CrossbarUse
from hptc.ir.graph import Graph, Phase, ValueKind
from hptc.ir.tasks import folded_ops
from hptc.partition.problem import Link
from hptc.partition.tables import transfer_ns
from hptc.partition.training.problem import NOTHING, Charge, Stage, State, Training
from hptc.schedule.model import Transition
from hptc.schedule.pose import home_value
from hptc.schedule.priced import Priced
from hptc.schedule.residents import unfolded
from hptc.units import pj_from_power

TRANSPOSED = "^T"
"""What the name of a transposed copy of a matrix ends in."""
_HELD = frozenset({ValueKind.PARAMETER, ValueKind.BUFFER, ValueKind.CONSTANT})


@dataclass(frozen=True, slots=True)
class PosedTraining:
    """A training in numbers, and what its positions stand for."""

    training: Training
    phases: tuple[Phase, ...]
    """Those with steps, in order; a stage each."""
    priced: tuple[Priced, ...]
    states: tuple[str, ...]


def pose_training(
    phases: Mapping[Phase, Priced], crossings: Sequence[Transition], steps: Mapping[Phase, int]
) -> PosedTraining:
    """Return the training of so many steps of every phase, in the order of the phases.

    A matrix stays programmed where the phase before has the same one in as many copies or more, no
    step of that phase writes it and leaving the phase merges nothing into it.

    Args:
        phases: All that are compiled.
        crossings: How state crosses between them.
        steps: Of each phase; one without is left out.
    """
    chosen = {phase: priced for phase, priced in phases.items() if steps.get(phase)}
    crossing_of = {(crossing.src, crossing.dst): crossing for crossing in crossings}
    stages: list[Stage] = []
    ledger = _Ledger()
    before: Phase | None = None
    for phase, priced in chosen.items():
        kept: dict[int, frozenset[int]] = {}
        if before is not None:
            same = chosen[before].target.toml == priced.target.toml
            crossing = crossing_of[before, phase]
            ledger.cross(crossing.copies if same else ())
            kept = _kept(chosen[before], priced, crossing) if same else {}
        ledger.enter(len(stages), priced)
        stages.append(_stage(priced, steps[phase], kept))
        before = phase
    named = ledger.named()
    return PosedTraining(
        Training(tuple(stages), tuple(state for _, state in named)),
        tuple(chosen),
        tuple(chosen.values()),
        tuple(name for name, _ in named),
    )


def _stage(priced: Priced, steps: int, kept: Mapping[int, frozenset[int]]) -> Stage:
    caps = (device.write_power_cap_w for device in priced.costs.devices)
    return Stage(
        priced.posed.problem,
        steps,
        tuple(map(_programming, _uses(priced))),
        tuple(None if cap is None else pj_from_power(cap, 1.0) for cap in caps),
        kept,
    )


def _programming(use: CrossbarUse) -> Charge:
    """Return what a matrix takes at the entry: nothing if every step writes it anew."""
    if use.writes_per_step:
        return NOTHING
    return Charge(math.ceil(use.program_ns), use.program_pj)


def _uses(priced: Priced) -> list[CrossbarUse]:
    """Return what each matrix of the problem takes; of tasks that share one the most."""
    found: dict[tuple[str, str], CrossbarUse] = {}
    for device in priced.costs.devices:
        for task in priced.tasks:
            for cost in device.prices(task.name):
                use = cost.crossbars
                if use is not None:
                    known = found.setdefault((device.name, use.held), use)
                    if use.crossbars > known.crossbars:
                        found[device.name, use.held] = use
    return [found[matrix] for matrix in priced.posed.matrices]


def _kept(before: Priced, after: Priced, crossing: Transition) -> dict[int, frozenset[int]]:
    """Return which matrices of the phase before leave what the next one needs."""
    merged = set() if crossing.merge is None else {u.state for u in crossing.merge.updates}
    updates = (*before.graph.updates, *after.graph.updates)
    changed = merged | {update.state for update in updates}
    lasting = _held(before.graph) & _held(after.graph) - changed
    sources: dict[tuple[str, str], list[tuple[int, CrossbarUse]]] = {}
    places = zip(before.posed.matrices, _uses(before), strict=True)
    for number, ((device, _), use) in enumerate(places):
        if use.matrix.removesuffix(TRANSPOSED) in lasting:
            sources.setdefault((device, use.matrix), []).append((number, use))
    found = {}
    for number, ((device, _), use) in enumerate(
        zip(after.posed.matrices, _uses(after), strict=True)
    ):
        enough = frozenset(
            source
            for source, held in sources.get((device, use.matrix), ())
            if held.copies >= use.copies and held.cells * use.copies == use.cells * held.copies
        )
        if enough:
            found[number] = enough
    return found


def _held(graph: Graph) -> set[str]:
    return {value.name for value in graph.values if value.kind in _HELD}


@dataclass(slots=True)
class _Content:
    """A state as one phase leaves it."""

    name: str
    stage: int
    task: int
    bytes: int
    links: tuple[Link, ...]
    readers: list[tuple[int, tuple[int, ...]]]


class _Ledger:
    """Follows the contents of states from phase to phase."""

    def __init__(self) -> None:
        self._all: list[_Content] = []
        self._current: dict[str, _Content] = {}

    def cross(self, carried: Collection[str]) -> None:
        """Forget what does not cross into the next phase."""
        self._current = {name: c for name, c in self._current.items() if name in carried}

    def enter(self, stage: int, priced: Priced) -> None:
        """Note who reads the contents known so far, and the new ones that the phase makes."""
        homes = _homes(priced)
        readers = _readers(priced)
        for name, content in self._current.items():
            tasks = (homes[name],) if name in homes else tuple(readers.get(name, ()))
            if tasks:
                content.readers.append((stage, tasks))
        for name, task in homes.items():
            size = priced.graph.by_name[name].bytes
            self._current[name] = _Content(name, stage, task, size, priced.posed.problem.links, [])
            self._all.append(self._current[name])

    def named(self) -> list[tuple[str, State]]:
        """Return the contents that a later phase reads, each with the name of its state."""
        moves_of = cache(_moves)
        return [
            (c.name, State(c.stage, c.task, tuple(c.readers), moves_of(c.links, c.bytes)))
            for c in self._all
            if c.readers
        ]


def _homes(priced: Priced) -> dict[str, int]:
    """Return the task that makes the new content of each state."""
    maker = {name: index for index, task in enumerate(priced.tasks) for name in task.outputs}
    ends = {u.state: home_value(priced.graph, u.state) for u in priced.graph.updates}
    return {state: maker[end] for state, end in ends.items() if end in maker}


def _readers(priced: Priced) -> dict[str, list[int]]:
    """Return the tasks that need each value on their device, folded results seen through."""
    found: dict[str, list[int]] = {}
    folded = {name for op in folded_ops(priced.graph) for name in op.outputs}
    for index, task in enumerate(priced.tasks):
        is_direct = folded.isdisjoint(task.inputs)
        for name in task.inputs if is_direct else unfolded(priced.graph, task.inputs):
            found.setdefault(name, []).append(index)
    return found


def _moves(links: tuple[Link, ...], size: int) -> dict[tuple[int, int], Charge]:
    """Return what the fastest way between any two devices takes, over one link after the other."""
    ways: nx.DiGraph[int] = nx.DiGraph()
    for link in links:
        energy_pj = size * link.energy_pj_per_byte
        ways.add_edge(link.src, link.dst, ns=transfer_ns(link, size), pj=energy_pj)
    found = {}
    for src, paths in nx.all_pairs_dijkstra_path(ways, weight="ns"):
        for dst, path in paths.items():
            legs = [ways.edges[leg] for leg in pairwise(path)]
            if legs:
                charge = Charge(sum(leg["ns"] for leg in legs), sum(leg["pj"] for leg in legs))
                found[src, dst] = charge
    return found
