"""From an assignment to the instructions of a phase."""

import math
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from hptc.cost import CostTable, CrossbarUse, DeviceCosts
from hptc.errors import VerifyError
from hptc.ir.graph import Graph
from hptc.ir.tasks import Task
from hptc.partition import problem as pb
from hptc.partition.training.problem import Charge, at_once_ns
from hptc.schedule.events import Event, frees
from hptc.schedule.model import Instruction, InstructionKind, Schedule
from hptc.schedule.moves import moves
from hptc.schedule.pose import Posed
from hptc.schedule.residents import Residents, residents_of
from hptc.schedule.units import dealt_units
from hptc.schedule.writing import readers_served
from hptc.units import pj_from_power


def build_schedule(
    graph: Graph,
    tasks: Sequence[Task],
    costs: CostTable,
    posed: Posed,
    assignment: pb.Assignment,
) -> Schedule:
    """Return the schedule that carries out `assignment`.

    Loads and folds take no time (phase entry is priced at the transition); matrices program in
    parallel, as far as the power of their device goes, but for those that the step itself writes.
    The step's energy is that of its tasks, transfers and writes, plus the static power of the
    devices in use over its latency.

    Raises:
        VerifyError: The tasks wait for one another in a circle.
    """
    modes, costs = posed.chosen(assignment), posed.settled(costs, assignment)
    placed = {
        task.name: posed.devices[mode.device] for task, mode in zip(tasks, modes, strict=True)
    }
    used = [name for name in posed.devices if name in placed.values()] or [posed.devices[0]]
    residents = residents_of(graph, tasks, placed, used)
    programs = _programs(tasks, costs, placed)
    events = _execs(tasks, costs, posed, assignment) + moves(tasks, costs, posed, assignment)
    power = sum(d.static_power_pj_per_ns for d in posed.problem.devices if d.name in used)
    latency_ns = assignment.makespan_ns
    return Schedule(
        phase=graph.phase,
        prologue=(*_entry(residents), *programs),
        step=_ordered(events, frees(graph, residents, events)),
        epilogue=_epilogue(graph, residents),
        latency_ns=latency_ns,
        energy_pj=sum(event.instruction.energy_pj for event in events) + power * latency_ns,
        program_ns=max((_program_ns(device, programs) for device in costs.devices), default=0),
        program_pj=sum(program.energy_pj for program in programs),
    )


def _entry(residents: Mapping[str, Residents]) -> list[Instruction]:
    loads = [
        Instruction(InstructionKind.LOAD, device, 0, 0, value=name)
        for device, held in residents.items()
        for name in held.loaded
    ]
    folds = [
        Instruction(InstructionKind.FOLD, device, 0, 0, ops=tuple(op.name for op in held.folded))
        for device, held in residents.items()
        if held.folded
    ]
    return loads + folds


def _uses(
    tasks: Sequence[Task], costs: CostTable, placed: Mapping[str, str]
) -> dict[tuple[str, str], CrossbarUse]:
    """Matrices held, by device and name with copies; of tasks that share one the largest counts."""
    found: dict[tuple[str, str], CrossbarUse] = {}
    for task in tasks:
        device = costs.device(placed[task.name])
        cost = device.tasks[task.name]
        if device.capacity_crossbars is None or cost is None or cost.crossbars is None:
            continue
        key = (device.name, cost.crossbars.held)
        known = found.get(key)
        if known is None or cost.crossbars.crossbars > known.crossbars:
            found[key] = cost.crossbars
    return found


def _programs(
    tasks: Sequence[Task], costs: CostTable, placed: Mapping[str, str]
) -> list[Instruction]:
    return [
        Instruction(
            InstructionKind.PROGRAM,
            device,
            0,
            math.ceil(use.program_ns),
            energy_pj=use.program_pj,
            value=use.matrix,
            resource=f"{device}/{held}",
            cells=use.cells,
        )
        for (device, held), use in _uses(tasks, costs, placed).items()
        if not use.writes_per_step
    ]


def _program_ns(device: DeviceCosts, programs: Sequence[Instruction]) -> int:
    cap = device.write_power_cap_w
    charges = [Charge(i.end_ns, i.energy_pj) for i in programs if i.device == device.name]
    return at_once_ns(charges, None if cap is None else pj_from_power(cap, 1.0))


def _execs(
    tasks: Sequence[Task], costs: CostTable, posed: Posed, assignment: pb.Assignment
) -> list[Event]:
    events, sources = [], _sources(posed)
    modes, units = posed.chosen(assignment), dealt_units(posed, assignment)
    served = readers_served(posed.problem.values)
    for index, (task, mode) in enumerate(zip(tasks, modes, strict=True)):
        device, placement = posed.devices[mode.device], assignment.placements[index]
        held = "" if mode.matrix is None else f"/{posed.matrices[mode.matrix][1]}"
        cost = costs.device(device).tasks[task.name]
        use = None if cost is None else cost.crossbars
        instruction = Instruction(
            InstructionKind.EXEC,
            device,
            placement.start_ns,
            placement.end_ns,
            energy_pj=mode.energy_pj,
            task=task.name,
            ops=tuple(op.name for op in task.ops),
            resource=units.get(index, device + held),
            rows=task.rows,
            accumulate=task.accumulates,
            cells=0 if (index, mode.device) in served else _rewritten_cells(use),
        )
        reads = tuple((device, name, sources.get((index, name))) for name in task.inputs)
        makes = tuple((device, name, index) for name in task.outputs)
        events.append(Event(instruction, reads, makes))
    return events


def _sources(posed: Posed) -> dict[tuple[int, str], int]:
    """Return the task from which each task takes each value that another one makes."""
    return {
        (reader, name): value.src
        for name, value in zip(posed.values, posed.problem.values, strict=True)
        for reader in value.readers
    }


def _rewritten_cells(use: CrossbarUse | None) -> int:
    return 0 if use is None else use.writes_per_step * use.cells


def _ordered(events: Sequence[Event], frees: Sequence[Instruction]) -> tuple[Instruction, ...]:
    """Sort by start; what takes no time runs before its readers, frees come last."""
    giver = {key: index for index, event in enumerate(events) for key in event.makes}
    waits = {
        index: [giver[key] for key in event.reads if key in giver]
        for index, event in enumerate(events)
    }
    try:
        order = list(TopologicalSorter(waits).static_order())
    except CycleError as err:
        circle = " -> ".join(
            events[index].instruction.task or "a transfer" for index in err.args[1]
        )
        raise VerifyError(
            "schedule", expected="tasks that do not wait for one another", found=circle
        ) from None
    timed = sorted(
        (events[index].instruction for index in order), key=lambda i: (i.start_ns, i.end_ns)
    )
    return tuple(sorted([*timed, *frees], key=lambda i: i.start_ns))


def _epilogue(graph: Graph, residents: Mapping[str, Residents]) -> tuple[Instruction, ...]:
    holder: dict[str, str] = {}
    for device, held in residents.items():
        for name in held.loaded:
            holder.setdefault(name, device)
    return tuple(
        Instruction(InstructionKind.READ_BACK, holder[update.state], 0, 0, value=update.state)
        for update in graph.updates
    )
