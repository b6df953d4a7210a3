"""From the transfers of an assignment to instructions: what is sent, and then written."""

from collections.abc import Iterator, Sequence

from hptc.cost import CostTable
from hptc.ir.tasks import Task
from hptc.partition import problem as pb
from hptc.schedule.events import Event
from hptc.schedule.model import Instruction, InstructionKind
from hptc.schedule.pose import Posed


def moves(
    tasks: Sequence[Task], costs: CostTable, posed: Posed, assignment: pb.Assignment
) -> list[Event]:
    """Return the transfers, each followed by the writing of the matrix that it fills, if any.

    Args:
        tasks: Of the phase.
        costs: Their prices with the copies that the assignment holds (`Posed.settled`).
        posed: What the assignment answers.
        assignment: Where and when things run.
    """
    return [*_transfers(posed, assignment), *_programs(tasks, costs, posed, assignment)]


def _transfers(posed: Posed, assignment: pb.Assignment) -> Iterator[Event]:
    wires = _wires(posed)
    for transfer in assignment.transfers:
        link, value = posed.problem.links[transfer.link], posed.problem.values[transfer.value]
        name = posed.values[transfer.value]
        source, device = posed.devices[link.src], posed.devices[link.dst]
        instruction = Instruction(
            InstructionKind.TRANSFER,
            device,
            transfer.start_ns,
            transfer.end_ns - value.written(link.dst).duration_ns,
            energy_pj=value.bytes * link.energy_pj_per_byte,
            value=name,
            source=source,
            resource=wires[transfer.link],
        )
        yield Event(instruction, ((source, name, value.src),), ((device, name, value.src),))


def _programs(
    tasks: Sequence[Task], costs: CostTable, posed: Posed, assignment: pb.Assignment
) -> Iterator[Event]:
    modes = posed.chosen(assignment)
    for transfer in assignment.transfers:
        place, value = posed.problem.links[transfer.link].dst, posed.problem.values[transfer.value]
        if not value.is_written(place):
            continue
        write = value.written(place)
        reader = next(reader for reader in value.readers if modes[reader].device == place)
        device, name = posed.devices[place], posed.values[transfer.value]
        cost = costs.device(device).tasks[tasks[reader].name]
        if cost is None or cost.crossbars is None:
            raise LookupError(f"no crossbars of {tasks[reader].name} on {device}")
        instruction = Instruction(
            InstructionKind.PROGRAM,
            device,
            transfer.end_ns - write.duration_ns,
            transfer.end_ns,
            energy_pj=write.energy_pj,
            value=name,
            resource=f"{device}/{cost.crossbars.held}",
            cells=cost.crossbars.cells,
        )
        yield Event(instruction, ((device, name, value.src),), ())


def _wires(posed: Posed) -> list[str]:
    """Resource of each link; parallel links between two devices are numbered from the second."""
    seen: dict[str, int] = {}
    names = []
    for link in posed.problem.links:
        ends = f"{posed.devices[link.src]}->{posed.devices[link.dst]}"
        seen[ends] = seen.get(ends, 0) + 1
        names.append(ends if seen[ends] == 1 else f"{ends}#{seen[ends]}")
    return names
