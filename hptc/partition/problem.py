"""The partitioning problem and its answers, in numbers only.

Times are integer ns, energies integer pJ, sizes integer bytes. Tasks, devices, links, values and
matrices are referred to by their position.
"""

import math
from dataclasses import dataclass
from enum import Enum

from hptc.partition.goal import Objective


class Status(Enum):
    """What is known of a solution."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


@dataclass(frozen=True, slots=True)
class Device:
    """A place where tasks run."""

    name: str
    capacity_crossbars: int | None = None
    """None: unary, one task at a time. Otherwise spatial: one task at a time per matrix, tasks of
    different matrices at the same time, all matrices used there within the capacity."""
    static_power_pj_per_ns: float = 0.0
    """Charged over the whole step for a device that runs at least one task."""
    count: int = 1
    """Identical units of a device that is not spatial; a task takes one of them (of several units,
    none if it takes no time)."""
    memory_bytes: int | None = None
    """Most that may lie there at a time; None: no limit. A value lies where it is made from the
    start of its task until the last reader there and the last transfer from there have ended, where
    it is sent to from the start of the transfer until the last reader there has ended; a carried
    value always lies on its home, a resident always where it is read."""


@dataclass(frozen=True, slots=True)
class Link:
    """A directed, exclusive connection: one transfer at a time."""

    src: int
    dst: int
    bandwidth_bytes_per_ns: float
    latency_ns: int
    energy_pj_per_byte: float = 0.0


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix that tasks read from a spatial device; held for the whole phase where used."""

    name: str
    device: int
    crossbars: int


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to run a task."""

    device: int
    duration_ns: int
    energy_pj: int = 0
    matrix: int | None = None
    """The matrix read, on a spatial device."""


@dataclass(frozen=True, slots=True)
class Task:
    """One indivisible piece of work; modes on one spatial device read distinct matrices.

    Those matrices are alternatives, such as one copy and several that share the vectors: larger and
    faster. Each one in use takes its crossbars.
    """

    name: str
    modes: tuple[Mode, ...]
    block: str | None = None
    """A label that tasks share which are the same piece of a repeated block, to be tried alike."""
    recompute: bool = False
    """It may run again, on the same device, so that its results need not lie there in between; not
    so a task that makes a carried value."""


@dataclass(frozen=True, slots=True)
class Write:
    """What it takes to write a value into the crossbars of a device that it is sent to."""

    device: int
    duration_ns: int
    energy_pj: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """Data made by `src` and needed by `readers`; sent once to each device that needs it.

    A `carried` value is made in one step and read in the next (a trained parameter): it lies on the
    device of `src` from time 0, so its readers do not wait for `src`, only for the transfer.
    """

    src: int
    readers: tuple[int, ...]
    bytes: int
    carried: bool = False
    writes: tuple[Write, ...] = ()
    """For devices whose readers find it in crossbars, at most one each: there a transfer ends when
    it is written, and holds its link until then."""

    def is_written(self, device: int) -> bool:
        """Return whether readers on a device find it in crossbars."""
        return any(write.device == device for write in self.writes)

    def written(self, device: int) -> Write:
        """Return what writing it on a device takes: nothing where it just lies in memory."""
        found = (write for write in self.writes if write.device == device)
        return next(found, Write(device, 0))


@dataclass(frozen=True, slots=True)
class Resident:
    """Data that lies on every device where one of `readers` runs, from the start to the end.

    Weights that nothing changes, inputs of the step: they are there before it and never sent, so
    they only take memory.
    """

    readers: tuple[int, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Tasks to place, order and connect. A placement is forbidden by leaving out its mode."""

    devices: tuple[Device, ...]
    links: tuple[Link, ...]
    tasks: tuple[Task, ...]
    values: tuple[Value, ...]
    matrices: tuple[Matrix, ...] = ()
    together: tuple[tuple[int, ...], ...] = ()
    """Groups of tasks that have to share a device."""
    residents: tuple[Resident, ...] = ()


def matrix_name(problem: Problem, mode: Mode) -> str | None:
    """Return the name of the matrix that a mode reads; None if it reads none."""
    return None if mode.matrix is None else problem.matrices[mode.matrix].name


def row_matrix(problem: Problem, mode: Mode) -> int | None:
    """Return the matrix that a mode reads where it tells rows apart: on a spatial device."""
    is_spatial = problem.devices[mode.device].capacity_crossbars is not None
    return mode.matrix if is_spatial else None


@dataclass(frozen=True, slots=True)
class Transfer:
    """One value sent over one link."""

    value: int
    link: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and when one task runs."""

    mode: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Rerun:
    """A task that runs once more, for some of its readers (`hptc.partition.reruns`)."""

    task: int
    readers: tuple[int, ...]
    """Those that take its results from this run; beyond the tasks, reruns by position."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """An answer: one placement per task (in order), then one per rerun, and every transfer."""

    placements: tuple[Placement, ...]
    transfers: tuple[Transfer, ...]
    """Values are those of the problem, then those of the reruns."""
    reruns: tuple[Rerun, ...] = ()

    @property
    def makespan_ns(self) -> int:
        """End of the last task (a transfer that nobody reads cannot exist)."""
        return max((placement.end_ns for placement in self.placements), default=0)


@dataclass(frozen=True, slots=True)
class Solution:
    """An assignment with what is proven of it."""

    assignment: Assignment
    objective: Objective
    value: float
    """Of the objective: ns, pJ, ns pJ, or as weighted."""
    lower_bound: float
    """Proven bound on the objective, same unit."""
    lower_bound_ns: int
    """Proven bound on the makespan of what keeps the limits, whatever the objective."""
    status: Status
    wall_s: float

    @property
    def gap(self) -> float:
        """Relative distance of the value from its bound (0 when proven optimal)."""
        return relative_gap(self.value, self.lower_bound)


def relative_gap(value: float, bound: float) -> float:
    """Return value / bound - 1; 0 where they meet, infinite where nothing is proven."""
    if value <= bound:
        return 0.0
    return value / bound - 1 if bound > 0 else math.inf
