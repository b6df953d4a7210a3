"""One phase in execution: a machine, the state it was entered with, and what its steps cost."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hptc.ir.graph import STEP_INPUTS, Phase
from hptc.ir.names import LR, STEP
from hptc.runtime.execute import EXACT, Machine, StepResult
from hptc.runtime.kernels import Numerics
from hptc.runtime.transition import State, graph_of
from hptc.schedule.model import Bundle


@dataclass(frozen=True, slots=True)
class Charge:
    """Modelled cost of a step or of a phase entry."""

    time_ns: float
    energy_pj: float
    cell_writes: int

    def __add__(self, other: "Charge") -> "Charge":
        """Return the cost of both, one after the other."""
        return Charge(
            self.time_ns + other.time_ns,
            self.energy_pj + other.energy_pj,
            self.cell_writes + other.cell_writes,
        )


class Session:
    """A phase that was entered; its steps count from 1."""

    def __init__(
        self,
        bundle: Bundle,
        phase: Phase,
        state: State,
        numerics: Mapping[str, Numerics] = EXACT,
    ) -> None:
        self.phase = phase
        self._graph = graph_of(bundle, phase)
        schedule = bundle.phases[phase].schedule
        self.entry_charge = Charge(
            schedule.program_ns,
            schedule.program_pj,
            sum(instruction.cells for instruction in schedule.prologue),
        )
        self.step_charge = Charge(
            schedule.latency_ns,
            schedule.energy_pj,
            sum(instruction.cells for instruction in schedule.step),
        )
        self._steps = 0
        self._entered = state
        self._machine = Machine(self._graph, schedule, numerics)
        self._machine.enter(state)

    def step(
        self, batch: Mapping[str, Tensor], lr: float, watch: Collection[str] = ()
    ) -> StepResult:
        """Run one step.

        Args:
            batch: Inputs by name; those that this phase does not read are left out.
            lr: Learning rate.
            watch: Values to report.
        """
        self._steps += 1
        inputs = {**batch, LR: torch.tensor(lr), STEP: torch.tensor(float(self._steps))}
        wanted = [value.name for value in self._graph.values if value.kind in STEP_INPUTS]
        return self._machine.step({name: inputs[name] for name in wanted}, watch)

    def state(self) -> State:
        """Return the whole state of the phase on the host; the session goes on."""
        return {**self._entered, **self._machine.leave()}
