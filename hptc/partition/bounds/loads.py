"""The part of the relaxation that is about devices: what each is busy with, shared and held."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hptc.partition.bounds.lp import Rows
from hptc.partition.instance import Instance
from hptc.partition.objective import ENERGY_SCALE, transfer_energy


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The rows, and where the decisions are."""

    rows: Rows
    chosen: tuple[tuple[int, ...], ...]
    """Variable of each task and mode."""
    placed: tuple[dict[int, int], ...]
    """Variable of each device of each task: that of its mode, or the sum of several."""
    start: tuple[int, ...]
    """Variable of each task's start."""
    makespan: int
    sent: dict[tuple[int, int, int], int]
    """Variable of each value sent from one device to another."""

    def minimise_makespan(self) -> None:
        """Set the cost to the makespan in ns."""
        self.rows.cost[self.makespan] = 1

    def minimise_energy(self, instance: Instance, devices: frozenset[int], price: int) -> None:
        """Set the cost in 1/1000 pJ: dynamic energy on these devices only, plus `price` per ns."""
        cost, upper = self.rows.cost, self.rows.upper
        cost[self.makespan] = price
        for task, lits in enumerate(self.chosen):
            for mode, lit in zip(instance.problem.tasks[task].modes, lits, strict=True):
                cost[lit] += mode.energy_pj * ENERGY_SCALE
                upper[lit] = int(mode.device in devices)
        for way, sent in self.sent.items():
            cost[sent] += transfer_energy(instance, *way)


def loads(instance: Instance, horizon: int, units: Sequence[int] | None = None) -> Relaxation:
    """Build the rows of devices alone: tasks take their time in any order.

    Args:
        instance: The tasks.
        horizon: The longest makespan in ns.
        units: Of each row of tasks; None: as many as it has tasks at most. Pieces of a task that
            run at the same time may take more.
    """
    rows = Rows()
    makespan = rows.variable(horizon, is_time=True)
    start = tuple(rows.variable(horizon, is_time=True) for _ in range(instance.tasks))
    chosen = tuple(tuple(rows.variable(1) for _ in row) for row in instance.device)
    for lits in chosen:
        rows.add(dict.fromkeys(lits, 1), 1, is_equal=True)
    pairs = zip(instance.device, chosen, strict=True)
    placed = tuple(_placed(rows, devices, lits) for devices, lits in pairs)
    built = Relaxation(rows, chosen, placed, start, makespan, {})
    add_loads(instance, built, makespan, range(instance.tasks), units)
    _add_groups(instance, built)
    _add_capacities(instance, built)
    return built


def _placed(rows: Rows, devices: Sequence[int], lits: Sequence[int]) -> dict[int, int]:
    """Return the variable of each device that a task may take."""
    found, by_device = {}, defaultdict[int, list[int]](list)
    for device, lit in zip(devices, lits, strict=True):
        by_device[device].append(lit)
    for device, here in by_device.items():
        found[device] = here[0]
        if len(here) > 1:
            found[device] = rows.variable(1)
            rows.add(dict.fromkeys(here, 1) | {found[device]: -1}, 0, is_equal=True)
    return found


def add_loads(
    instance: Instance,
    built: Relaxation,
    span: int,
    tasks: Iterable[int],
    units: Sequence[int] | None = None,
) -> None:
    """Every unit of a row is busy with some tasks no longer than the time that is variable `span`.

    `units` is as in `loads`.
    """
    busy: dict[int, dict[int, int]] = defaultdict(dict)
    for task in tasks:
        for mode, lit in enumerate(built.chosen[task]):
            busy[instance.resource[task][mode]][lit] = -instance.duration[task][mode]
    for row, load in busy.items():
        count = (units or instance.units)[row]
        built.rows.add({span: count} | load, 0, is_time=True)


def _add_groups(instance: Instance, built: Relaxation) -> None:
    """The tasks of a group are on every device together."""
    for first, *others in instance.groups:
        for device in {d for task in (first, *others) for d in instance.device[task]}:
            for other in others:
                row = {
                    built.placed[task][device]: sign
                    for task, sign in ((first, 1), (other, -1))
                    if device in built.placed[task]
                }
                built.rows.add(row, 0, is_equal=True)


def _add_capacities(instance: Instance, built: Relaxation) -> None:
    """A matrix is held as far as any task reads it; held matrices fit."""
    held: dict[int, dict[int, int]] = {device: {} for device in instance.capacities}
    of_row: dict[int, int] = {}
    for task, lits in enumerate(built.chosen):
        for mode, lit in enumerate(lits):
            device, row = instance.device[task][mode], instance.resource[task][mode]
            matrix = instance.resources[row][1]
            if device in held and matrix is not None:
                if row not in of_row:
                    of_row[row] = built.rows.variable(1)
                    size = instance.problem.matrices[matrix].crossbars
                    held[device][of_row[row]] = -size
                built.rows.add({of_row[row]: 1, lit: -1}, 0)
    for device, capacity in instance.capacities.items():
        built.rows.add(held[device], -capacity)


def work_bound(instance: Instance) -> int:
    """Return the least work of all tasks over all units, in ns, rounded up: needs no program."""
    least = sum(map(min, instance.duration))
    return -(-least // max(1, sum(instance.units)))
