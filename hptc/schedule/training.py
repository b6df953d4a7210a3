"""The report of a whole training: the steps of all phases and the switches between them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from hptc.partition.files.figures import UNITS, finite
from hptc.partition.goal import Objective
from hptc.partition.training.outcome import Answer, Outcome, TrainingSolution
from hptc.partition.training.problem import Switch
from hptc.schedule.pose_training import PosedTraining
from hptc.schedule.priced import Priced
from hptc.units import PJ_PER_NJ

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class PhaseCost:
    """What one phase adds to a training, and what the switch to it takes."""

    steps: int
    step_latency_ns: int
    step_energy_nj: float
    entry_latency_ns: int
    """First states are moved, one after the other, then matrices programmed at the same time."""
    entry_energy_nj: float
    program_ns: int
    program_nj: float
    programmed: tuple[str, ...]
    """Device and matrix, as device/matrix."""
    kept: tuple[str, ...]
    """Still programmed from the phase before, with the same content: not programmed again."""
    move_ns: int
    move_nj: float
    static_nj: float
    """Of the devices that the phase uses, powered while it is entered."""
    moved: tuple[str, ...]
    """State and devices, as `state: source->device`."""
    latency_ns: int
    """Of all steps and the entry."""
    energy_nj: float


def training_report(posed: PosedTraining, outcome: Outcome) -> Json:
    """Return what a training takes, by phase with the entry to each."""
    rows = zip(posed.phases, posed.priced, outcome.answers, outcome.switches, strict=True)
    return {
        "phases": {
            phase.value: asdict(_phase_cost(posed, priced, answer, entry))
            for phase, priced, answer, entry in rows
        },
        **_totals(outcome),
    }


def objective_report(goal: Objective, solution: TrainingSolution) -> Json:
    """Return what is proven of a training whose phases were placed for it, and what that saved."""
    unit, scale = UNITS[goal.measure]
    apart = solution.apart.value(goal)
    return {
        "objective": goal.text,
        "objective_unit": unit,
        "objective_value": float(solution.value) / scale,
        "objective_bound": float(solution.lower_bound) / scale,
        "objective_gap": finite(solution.gap),
        "apart": {**_totals(solution.apart), "objective_value": float(apart) / scale},
        "saved": float(1 - solution.value / apart) if apart else 0.0,
    }


def all_gpu_training(
    steps: Mapping[str, int], reports: Mapping[str, Mapping[str, Any]]
) -> dict[str, float] | None:
    """Return latency and energy of the same steps on the GPU alone, None where it cannot run one.

    Args:
        steps: Of the phases.
        reports: Of the phases, with `baselines` and which of them is `all_gpu`.
    """
    latency_ns, energy_nj = 0, 0.0
    for name, count in steps.items():
        alone = reports[name]["baselines"].get(reports[name]["all_gpu"])
        if alone is None:
            return None
        latency_ns += count * alone["latency_ns"]
        energy_nj += count * alone["energy_nj"]
    return {"latency_ns": latency_ns, "energy_nj": energy_nj}


def _totals(outcome: Outcome) -> Json:
    return {"latency_ns": outcome.time_ns, "energy_nj": _nj(outcome.energy_pj)}


def _phase_cost(posed: PosedTraining, priced: Priced, answer: Answer, entry: Switch) -> PhaseCost:
    matrices, devices = priced.posed.matrices, priced.posed.devices
    return PhaseCost(
        steps=answer.steps,
        step_latency_ns=answer.assignment.makespan_ns,
        step_energy_nj=_nj(answer.step_pj),
        entry_latency_ns=entry.time_ns,
        entry_energy_nj=_nj(entry.energy_pj),
        program_ns=entry.programming.time_ns,
        program_nj=_nj(entry.programming.energy_pj),
        programmed=tuple("/".join(matrices[matrix]) for matrix in entry.programmed),
        kept=tuple("/".join(matrices[matrix]) for matrix in entry.kept),
        move_ns=entry.moving.time_ns,
        move_nj=_nj(entry.moving.energy_pj),
        static_nj=_nj(entry.static_pj),
        moved=tuple(
            f"{posed.states[move.state]}: {devices[move.src]}->{devices[move.dst]}"
            for move in entry.moves
        ),
        latency_ns=answer.time_ns + entry.time_ns,
        energy_nj=_nj(answer.energy_pj + entry.energy_pj),
    )


def _nj(energy_pj: Fraction | float) -> float:
    return float(energy_pj) / PJ_PER_NJ
