"""Checks a schedule against what its target limits: units, and the memory of devices.

Shares nothing with the partitioner: it counts what the instructions put on a device and drop again.
"""

from collections import defaultdict

from hptc.errors import VerifyError
from hptc.ir.graph import Graph
from hptc.ir.layout import layouts
from hptc.schedule.model import Instruction, InstructionKind, Schedule
from hptc.target import DeviceSpec, Target

Change = tuple[int, int]
"""When (ns), and by how many bytes; what leaves at a time comes before what arrives then."""


def check_limits(graph: Graph, schedule: Schedule, target: Target) -> None:
    """Check that no device has more units at work, or more in its memory, than it has.

    Raises:
        VerifyError: It has; names the device.
    """
    for device in target.devices:
        execs = [i for i in _step(schedule, device) if i.kind is InstructionKind.EXEC]
        units = {i.resource for i in execs}
        if device.units > 1 and len(units) > device.units:
            found = f"{len(units)}: {', '.join(sorted(units))}"
            raise VerifyError(
                f"device {device.name}", expected=f"at most {device.units} units", found=found
            )
        if device.memory_bytes is not None:
            _check_memory(graph, schedule, device, device.memory_bytes)


def _step(schedule: Schedule, device: DeviceSpec) -> list[Instruction]:
    return [i for i in schedule.step if i.device == device.name]


def _check_memory(graph: Graph, schedule: Schedule, device: DeviceSpec, most: int) -> None:
    held = _throughout(graph, schedule, device)
    for at_ns, change in sorted(_changes(graph, schedule, device)):
        held += change
        if held > most:
            raise VerifyError(
                f"memory of {device.name}",
                expected=f"at most {most} bytes",
                found=f"{held} at {at_ns} ns",
            )


def _throughout(graph: Graph, schedule: Schedule, device: DeviceSpec) -> int:
    """Return the bytes of states at home, of what is read but not made there, and of outputs."""
    loaded = {i.value for i in schedule.prologue if i.device == device.name}
    lasting = {update.state for update in graph.updates} & loaded
    step = _step(schedule, device)
    arriving = {i.value for i in step if i.kind is InstructionKind.TRANSFER}
    ops = [graph.op_by_name[name] for i in step for name in i.ops]
    made = {name for op in ops for name in op.outputs}
    layout = layouts(graph)
    lasting |= {layout[v].root for op in ops for v in op.inputs if v not in made | arriving}
    lasting |= {named.value for named in graph.outputs} & made
    return sum(graph.by_name[name].bytes for name in lasting)


def _changes(graph: Graph, schedule: Schedule, device: DeviceSpec) -> list[Change]:
    """Return what comes and goes: all that is dropped in the step, from when it is there."""
    since: dict[str, int] = defaultdict(int)
    found = []
    outputs = {named.value for named in graph.outputs}
    for instruction in _step(schedule, device):
        if instruction.kind is InstructionKind.FREE and instruction.value not in outputs:
            size = graph.by_name[instruction.value].bytes
            begin = since.pop(instruction.value)
            if begin < instruction.start_ns:
                found += [(begin, size), (instruction.start_ns, -size)]
            continue
        made = [v for name in instruction.ops for v in graph.op_by_name[name].outputs]
        for value in made or [instruction.value]:
            since.setdefault(value, instruction.start_ns)
    return found
