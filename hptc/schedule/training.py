"""What a whole training costs: the steps of all phases and the switches between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hptc.ir.graph import Phase, ValueKind
from hptc.schedule.model import CompiledPhase, Instruction, InstructionKind, Transition
from hptc.units import PJ_PER_NJ

TRANSPOSED = "^T"
"""What the name of a transposed copy of a matrix ends in."""
_HELD = frozenset({ValueKind.PARAMETER, ValueKind.BUFFER, ValueKind.CONSTANT})


@dataclass(frozen=True, slots=True)
class PhaseCost:
    """What one phase adds to a training."""

    steps: int
    step_latency_ns: int
    step_energy_nj: float
    entry_latency_ns: int
    """Programming crossbars at the entry; different matrices at the same time."""
    entry_energy_nj: float
    programmed: tuple[str, ...]
    """Device and matrix, as device/matrix."""
    kept: tuple[str, ...]
    """Still programmed from the phase before, with the same content: not programmed again."""
    latency_ns: int
    energy_nj: float


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What all phases take together."""

    phases: dict[str, PhaseCost]
    latency_ns: int
    energy_nj: float


def training_cost(
    phases: Mapping[Phase, CompiledPhase],
    transitions: Sequence[Transition],
    steps: Mapping[Phase, int],
) -> TrainingCost:
    """Return the cost of so many steps of every phase, in the order of the phases.

    A matrix stays programmed where the phase before holds the same one in the same crossbars, no
    step of it writes the matrix and leaving it merges nothing into it. Loading data and the static
    power drawn while crossbars are programmed are not priced. A phase without steps only costs
    its entry, and nothing if no later phase has steps.
    """
    last = max((i for i, phase in enumerate(phases) if steps.get(phase)), default=-1)
    found: dict[str, PhaseCost] = {}
    before: Phase | None = None
    for phase in list(phases)[: last + 1]:
        crossing = [t for t in transitions if (t.src, t.dst) == (before, phase)]
        merged = set().union(*map(_merged, crossing))
        known = {} if before is None else _lasting(phases[before], phases[phase], merged)
        found[phase.value] = _phase_cost(phases[phase], steps.get(phase, 0), known)
        before = phase
    return TrainingCost(
        found,
        latency_ns=sum(cost.latency_ns for cost in found.values()),
        energy_nj=sum(cost.energy_nj for cost in found.values()),
    )


def all_gpu_training(
    cost: TrainingCost, reports: Mapping[str, Mapping[str, Any]]
) -> dict[str, float] | None:
    """Return latency and energy of the same steps on the GPU alone, None where it cannot run one.

    Args:
        cost: The training.
        reports: Of the phases, with `baselines` and which of them is `all_gpu`.
    """
    latency_ns, energy_nj = 0, 0.0
    for name, phase in cost.phases.items():
        alone = reports[name]["baselines"].get(reports[name]["all_gpu"])
        if alone is None:
            return None
        latency_ns += phase.steps * alone["latency_ns"]
        energy_nj += phase.steps * alone["energy_nj"]
    return {"latency_ns": latency_ns, "energy_nj": energy_nj}


def _merged(transition: Transition) -> set[str]:
    """Return the weights that leaving a phase writes."""
    merge = transition.merge
    return set() if merge is None else {update.state for update in merge.updates}


def _lasting(before: CompiledPhase, after: CompiledPhase, changed: set[str]) -> dict[str, int]:
    """Return the cells of the matrices that hold the same at the start of the next phase."""
    if before.target_toml != after.target_toml:
        return {}
    changed = changed | {update.state for update in before.graph.updates}
    held = {
        value.name
        for value in before.graph.values
        if value.kind in _HELD and value.name not in changed
    } & {value.name for value in after.graph.values if value.kind in _HELD}
    return {
        i.resource: i.cells for i in _programs(before) if i.value.removesuffix(TRANSPOSED) in held
    }


def _programs(compiled: CompiledPhase) -> list[Instruction]:
    return [i for i in compiled.schedule.prologue if i.kind is InstructionKind.PROGRAM]


def _phase_cost(compiled: CompiledPhase, steps: int, known: Mapping[str, int]) -> PhaseCost:
    schedule = compiled.schedule
    kept = [i for i in _programs(compiled) if known.get(i.resource) == i.cells]
    new = [i for i in _programs(compiled) if i not in kept]
    entry_ns = max((i.end_ns for i in new), default=0)
    entry_nj = sum(i.energy_pj for i in new) / PJ_PER_NJ
    step_nj = schedule.energy_pj / PJ_PER_NJ
    return PhaseCost(
        steps=steps,
        step_latency_ns=schedule.latency_ns,
        step_energy_nj=step_nj,
        entry_latency_ns=entry_ns,
        entry_energy_nj=entry_nj,
        programmed=tuple(i.resource for i in new),
        kept=tuple(i.resource for i in kept),
        latency_ns=entry_ns + steps * schedule.latency_ns,
        energy_nj=entry_nj + steps * step_nj,
    )
