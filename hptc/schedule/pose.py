"""From tasks and their prices to the partitioner's problem in numbers, and the way back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hptc.cost import Cost, CostTable, DeviceCosts
from hptc.errors import InfeasibleError
from hptc.ir.graph import Graph
from hptc.ir.tasks import Task
from hptc.partition import problem as pb
from hptc.schedule.holding import binding_memories, residents_in_memory
from hptc.schedule.pure import may_run_again
from hptc.schedule.wear import lasting_steps
from hptc.schedule.writing import Reader, readers_served, with_own_write, with_writes
from hptc.target import Target
from hptc.units import BITS_PER_BYTE, pj_from_power, whole_ns


@dataclass(frozen=True, slots=True)
class Posed:
    """A problem, and what its positions stand for."""

    problem: pb.Problem
    devices: tuple[str, ...]
    tasks: tuple[str, ...]
    values: tuple[str, ...]
    """Name of each value; a carried one bears the name of its state."""
    matrices: tuple[tuple[str, str], ...]
    """Device of each matrix, and its name with the number of copies (`CrossbarUse.held`)."""

    def chosen(self, assignment: pb.Assignment) -> list[pb.Mode]:
        """Return the mode of each task, that of its first run."""
        pairs = zip(self.problem.tasks, assignment.placements, strict=False)
        return [task.modes[placement.mode] for task, placement in pairs]

    def settled(self, costs: CostTable, assignment: pb.Assignment) -> CostTable:
        """Return the prices with the copies that an assignment holds where it places the tasks."""
        found = {device.name: dict(device.tasks) for device in costs.devices}
        for task, mode in zip(self.tasks, self.chosen(assignment), strict=True):
            if mode.matrix is not None:
                device, held = self.matrices[mode.matrix]
                for cost in costs.device(device).prices(task):
                    if cost.crossbars is not None and cost.crossbars.held == held:
                        found[device][task] = cost
        devices = (replace(each, tasks=found[each.name], copied={}) for each in costs.devices)
        return CostTable(tuple(devices))


def pose(
    graph: Graph, tasks: Sequence[Task], costs: CostTable, target: Target, *, steps: int = 1
) -> Posed:
    """Return the partitioning problem of a phase.

    Latencies are rounded up to whole ns, energies to the nearest pJ. What is present wherever it is
    read (step inputs, static values, folded results) makes no value of the problem. Memory that
    could hold all of a step at once is no limit; beside one that binds, the problem has all that
    takes it (`hptc.schedule.holding`).

    Args:
        graph: The fused graph.
        tasks: Its tasks, as `hptc.ir.tasks.tasks_of` returns them.
        costs: Price of each task on each device.
        target: The links, memories and units.
        steps: Steps of the phase, which count against the write endurance of devices that wear.

    Raises:
        InfeasibleError: No device can run one of the tasks.
    """
    matrices = _matrices(tasks, costs)
    positions = {key: index for index, key in enumerate(matrices)}
    memories = binding_memories(graph, target)
    homes = homes_of(graph, tasks)
    unread = _unread(graph, tasks, homes) if memories else ()
    sent = (*_sent(graph, tasks), *_carried(graph, tasks, homes), *unread)
    named = with_writes(graph, tasks, costs, sent)
    served = readers_served([value for _, value in named])
    once = {value.src for _, value in named if value.carried or value.writes}
    device_index = {device.name: index for index, device in enumerate(costs.devices)}
    problem = pb.Problem(
        devices=tuple(_device(device, target, memories) for device in costs.devices),
        links=_links(target, device_index),
        tasks=tuple(
            replace(
                _task(index, task, costs, positions, steps, served),
                recompute=index not in once and may_run_again(graph, task.ops),
            )
            for index, task in enumerate(tasks)
        ),
        values=tuple(value for _, value in named),
        matrices=tuple(
            pb.Matrix(name, device_index[device], crossbars)
            for (device, name), crossbars in matrices.items()
        ),
        residents=residents_in_memory(graph, tasks, homes) if memories else (),
    )
    return Posed(
        problem,
        devices=tuple(device_index),
        tasks=tuple(task.name for task in tasks),
        values=tuple(name for name, _ in named),
        matrices=tuple(matrices),
    )


def home_value(graph: Graph, state: str) -> str:
    """Return the value that an updated state takes, seen through states that take one another.

    Its producer is the operation whose device is the home of the state. A state that takes an
    input, or itself, has no such producer: it is present wherever it is needed.
    """
    seen = set()
    value = state
    while value in graph.becomes and value not in seen:
        seen.add(value)
        value = graph.becomes[value]
    return value


def homes_of(graph: Graph, tasks: Sequence[Task]) -> dict[str, int]:
    """Return the states that a task updates, each with its task."""
    maker = {name: index for index, task in enumerate(tasks) for name in task.outputs}
    ends = {update.state: home_value(graph, update.state) for update in graph.updates}
    return {state: maker[end] for state, end in ends.items() if end in maker}


def _device(costs: DeviceCosts, target: Target, memories: Mapping[str, int]) -> pb.Device:
    units = target.device(costs.name).units
    power = units * pj_from_power(costs.static_power_w, 1.0)
    memory = memories.get(costs.name)
    return pb.Device(costs.name, costs.capacity_crossbars, power, units, memory)


def _links(target: Target, device_index: Mapping[str, int]) -> tuple[pb.Link, ...]:
    return tuple(
        pb.Link(
            device_index[link.src],
            device_index[link.dst],
            link.bandwidth_bytes_per_ns,
            whole_ns(link.latency_ns),
            BITS_PER_BYTE * link.energy_pj_per_bit,
        )
        for link in target.links
    )


def _matrices(tasks: Sequence[Task], costs: CostTable) -> dict[tuple[str, str], int]:
    """Crossbars by device and matrix name, in the order of the tasks on each device."""
    found: dict[tuple[str, str], int] = {}
    for device in costs.devices:
        if device.capacity_crossbars is None:
            continue
        for task in tasks:
            for use in (cost.crossbars for cost in device.prices(task.name)):
                if use is not None:
                    key = (device.name, use.held)
                    found[key] = max(found.get(key, 0), use.crossbars)
    return found


def _task(
    position: int,
    task: Task,
    costs: CostTable,
    matrices: Mapping[tuple[str, str], int],
    steps: int,
    served: Collection[Reader],
) -> pb.Task:
    modes = []
    worn = {}
    for index, device in enumerate(costs.devices):
        for cost in device.prices(task.name):
            if _wears_out(device, cost, steps):
                worn[device.name] = cost
                continue
            matrix = matrices.get((device.name, cost.crossbars.held)) if cost.crossbars else None
            paid = cost if (position, index) in served else with_own_write(cost)
            modes.append(pb.Mode(index, whole_ns(paid.latency_ns), round(paid.energy_pj), matrix))
    if not modes:
        raise _no_device(task, costs, list(worn))
    return pb.Task(task.name, tuple(modes))


def _wears_out(device: DeviceCosts, cost: Cost, steps: int) -> bool:
    """Whether rewriting the task's matrix every step exceeds the endurance of the cells."""
    budget, use = device.write_budget_per_cell, cost.crossbars
    if budget is None or use is None or not use.writes_per_step:
        return False
    return steps > lasting_steps(budget, use)


def _no_device(task: Task, costs: CostTable, worn: Sequence[str]) -> InfeasibleError:
    kinds = ", ".join(sorted({op.kind for op in task.ops}))
    devices = ", ".join(device.name for device in costs.devices)
    hint = (
        f"The write endurance of {', '.join(worn)} rules it out: train for fewer steps there, or "
        "freeze the matrix."
        if worn
        else "Add a device that can, e.g. a GPU, to the target."
    )
    return InfeasibleError(
        f"task {task.name} ({kinds})",
        expected="a device of the target that can run it",
        found=f"none among {devices}",
        hint=hint,
    )


def _sent(graph: Graph, tasks: Sequence[Task]) -> Iterator[tuple[str, pb.Value]]:
    """Results of one task that other tasks read."""
    readers = _readers(tasks)
    for index, task in enumerate(tasks):
        for name in task.outputs:
            others = tuple(reader for reader in readers.get(name, ()) if reader != index)
            if others:
                yield name, pb.Value(index, others, graph.by_name[name].bytes)


def _carried(
    graph: Graph, tasks: Sequence[Task], homes: Mapping[str, int]
) -> Iterator[tuple[str, pb.Value]]:
    """States that one task writes for the next step and other tasks read."""
    readers = _readers(tasks)
    for state, src in homes.items():
        others = tuple(reader for reader in readers.get(state, ()) if reader != src)
        if others:
            yield state, pb.Value(src, others, graph.by_name[state].bytes, carried=True)


def _unread(
    graph: Graph, tasks: Sequence[Task], homes: Mapping[str, int]
) -> Iterator[tuple[str, pb.Value]]:
    """States that only the task reads which writes them: they take memory, and are never sent."""
    readers = _readers(tasks)
    for state, src in homes.items():
        if set(readers.get(state, ())) <= {src}:
            yield state, pb.Value(src, (), graph.by_name[state].bytes, carried=True)


def _readers(tasks: Sequence[Task]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, task in enumerate(tasks):
        for name in task.inputs:
            found.setdefault(name, []).append(index)
    return found
