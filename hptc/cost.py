"""What tasks cost on each device. Data only; `cost_models` fills it in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hptc.units import Ns, Pj


@dataclass(frozen=True, slots=True)
class CrossbarUse:
    """The matrix a task reads from ReRAM, and what holding it takes."""

    matrix: str
    """Identity of the programmed matrix: tasks that share it share crossbars.

    The name of the storage root; a second, transposed copy (arrays that cannot be read both ways)
    carries the suffix `^T`.
    """
    crossbars: int
    """Crossbars for all copies."""
    copies: int
    cells: int
    """Cells written to program all copies once."""
    program_ns: Ns
    """Time to program all copies once."""
    program_pj: Pj
    """Energy to program all copies once."""
    writes_per_step: int
    """Times each cell is written per step: 0 for a static matrix, 1 for a trained one."""
    reads: int
    """Vectors that follow one another through each copy."""
    waiting_ns: Ns
    """Of the task's latency, the time in which later vectors wait for earlier ones in their copy:
    what a long token sequence loses, and more copies would save."""

    @property
    def held(self) -> str:
        """What is programmed: the matrix, or `matrix*4` for four copies of it."""
        return self.matrix if self.copies == 1 else f"{self.matrix}*{self.copies}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Price of one task on one device."""

    latency_ns: Ns
    """On crossbars, of the reads: writes are charged by themselves (`CrossbarUse`)."""
    energy_pj: Pj
    """Dynamic energy; static power is charged for the time powered."""
    crossbars: CrossbarUse | None = None


@dataclass(frozen=True, slots=True)
class DeviceCosts:
    """What one device charges."""

    name: str
    kind: str
    static_power_w: float
    capacity_crossbars: int | None
    """None for a device that runs one task at a time; else it is spatial: tasks of different
    matrices run at the same time, and all programmed matrices must fit."""
    tasks: Mapping[str, Cost | None]
    """By name; None where the device cannot run the task. Where the copies of its matrix are a
    choice, that is the price with the fewest."""
    write_budget_per_cell: float | None = None
    """Mean writes per cell after which the hottest cell fails, for a device that wears."""
    write_power_cap_w: float | None = None
    """Most that is drawn while matrices are programmed; None: no limit."""
    copied: Mapping[str, tuple[Cost, ...]] = field(default_factory=dict)
    """Prices with more copies of the matrix, in ascending order, where they are a choice."""

    def prices(self, task: str) -> tuple[Cost, ...]:
        """Return what a task may cost here: one price for each number of copies of its matrix."""
        cost = self.tasks.get(task)
        return () if cost is None else (cost, *self.copied.get(task, ()))


@dataclass(frozen=True, slots=True)
class CostTable:
    """Prices of every task of one phase on every device of a target."""

    devices: tuple[DeviceCosts, ...]

    def device(self, name: str) -> DeviceCosts:
        """Return the costs of the device called `name` (KeyError if there is none)."""
        for costs in self.devices:
            if costs.name == name:
                return costs
        raise KeyError(name)
