"""The makespan relaxation: a linear program whose dual values prove a bound.

Variables, all between known limits: x (task in mode), p (task on device), z (edge of the task graph
from device to device), y (value sent over a link), h (matrix held), s (start of a task) and the
makespan T. Rows:

- each task takes one mode, and the edges agree with the devices of both ends;
- a value is sent over a link at least as much as any of its edges uses it;
- every device, matrix and link is busy no longer than T, several units no longer than T each;
- the tasks of a group take each device to the same share;
- a reader starts after its source's time and their transfer; every task ends by T;
- held matrices keep the capacity.

Every schedule of makespan at most `horizon` satisfies these, so the optimum bounds it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hptc.partition.bounds.lp import Rows
from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.objective import ENERGY_SCALE, transfer_energy

Pair = tuple[int, int]


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
    sent: dict[tuple[int, int], int]
    """Variable of each value sent over a link (a * devices + b)."""

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
        for (v, pair), sent in self.sent.items():
            cost[sent] += transfer_energy(instance, v, pair)


def relaxation(instance: Instance, horizon: int, *, has_values: bool = True) -> Relaxation:
    """Build the rows for schedules of makespan at most `horizon` ns, without a cost.

    Without the values only the loads of devices are left: a weaker bound, found at once.
    """
    built = loads(instance, horizon)
    rows, makespan, start = built.rows, built.makespan, built.start
    for task, lits in enumerate(built.chosen):
        last = {makespan: 1, start[task]: -1}
        work = zip(lits, instance.duration[task], strict=True)
        rows.add(last | {lit: -length for lit, length in work}, 0, is_time=True)
    wires: dict[int, dict[int, int]] = defaultdict(dict)
    for v in range(len(instance.problem.values) if has_values else 0):
        _add_value(instance, built, v, wires)
    for load in wires.values():
        rows.add({makespan: 1} | load, 0, is_time=True)
    return built


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
        built.rows.add({span: (units or instance.units)[row]} | load, 0, is_time=True)


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


def _add_value(
    instance: Instance, built: Relaxation, v: int, wires: Mapping[int, dict[int, int]]
) -> None:
    """Add the edges of a value, their share of the links, and the readers' waiting."""
    value, rows, count = instance.problem.values[v], built.rows, instance.devices
    readers = [reader for reader in dict.fromkeys(value.readers) if reader != value.src]
    uses: dict[int, list[int]] = defaultdict(list)
    for reader in readers:
        wait = {built.start[reader]: 1}
        if not value.carried:
            wait[built.start[value.src]] = -1
            for lit, length in zip(
                built.chosen[value.src], instance.duration[value.src], strict=True
            ):
                wait[lit] = -length
        for (source, sink), edge in _edges(instance, built, v, reader).items():
            pair = source * count + sink
            length = instance.send[v][pair]
            if source != sink:
                wait[edge] = wait.get(edge, 0) - length
                uses[pair].append(edge)
        rows.add(wait, 0, is_time=True)
    for pair, edges in uses.items():
        sent = edges[0]
        if len(edges) > 1:
            sent = rows.variable(1)
            for edge in edges:
                rows.add({sent: 1, edge: -1}, 0)
        built.sent[v, pair] = sent
        load = wires[pair]
        load[sent] = load.get(sent, 0) - instance.send[v][pair]


def _edges(instance: Instance, built: Relaxation, v: int, reader: int) -> dict[Pair, int]:
    """Return the variable of each pair of devices of an edge; pairs without a link are left out.

    Where one end has a single device, those of the other end say everything.
    """
    src, rows, count = instance.problem.values[v].src, built.rows, instance.devices
    sources, sinks = built.placed[src], built.placed[reader]
    pairs = [(a, b) for a in sources for b in sinks if instance.send[v][a * count + b] != NO_LINK]
    if len(sources) == 1:
        found = {(a, b): sinks[b] for a, b in pairs}
    elif len(sinks) == 1:
        found = {(a, b): sources[a] for a, b in pairs}
    else:
        found = {pair: rows.variable(1) for pair in pairs}
        for end, places in enumerate((sources, sinks)):
            for device, here in places.items():
                whole = {edge: 1 for pair, edge in found.items() if pair[end] == device}
                rows.add(whole | {here: -1}, 0, is_equal=True)
        return found
    for end, places in enumerate((sources, sinks)):
        for device, here in places.items():
            if all(pair[end] != device for pair in pairs):
                rows.add({here: -1}, 0)
    return found
