"""Checks a schedule: order, resources, operations, and a replay of what lies where.

Shares nothing with `hptc.schedule.build` but the data model.
"""

from collections import Counter

from hptc.errors import VerifyError
from hptc.ir.graph import Graph, OperandTag
from hptc.schedule.model import Instruction, InstructionKind, Schedule
from hptc.schedule.pure import may_run_again
from hptc.schedule.replay import Replay

_PROLOGUE = {InstructionKind.LOAD, InstructionKind.FOLD, InstructionKind.PROGRAM}
_STEP = set(InstructionKind) - {
    InstructionKind.LOAD,
    InstructionKind.FOLD,
    InstructionKind.READ_BACK,
}


def check_schedule(graph: Graph, schedule: Schedule) -> None:
    """Check that `schedule` computes one step of `graph` after another.

    Raises:
        VerifyError: An instruction finds an input missing, a resource taken or a value freed, an
            operation does not run exactly once, or a state is not where the next step reads it;
            the message names the instruction.
    """
    _check_kinds(schedule)
    _check_order(schedule)
    _check_resources(schedule)
    _check_operations(graph, schedule)
    replay = Replay(graph)
    for instruction in schedule.prologue:
        replay.enter(instruction)
    for instruction in schedule.step:
        replay.run(instruction)
    replay.finish(schedule)


def _check_kinds(schedule: Schedule) -> None:
    sections = (
        ("prologue", schedule.prologue, _PROLOGUE),
        ("step", schedule.step, _STEP),
        ("epilogue", schedule.epilogue, {InstructionKind.READ_BACK}),
    )
    for name, instructions, allowed in sections:
        for instruction in instructions:
            if instruction.kind not in allowed:
                raise VerifyError(
                    instruction.label,
                    expected=f"only {', '.join(sorted(k.name for k in allowed))} in the {name}",
                    found=instruction.kind.name,
                )


def _check_order(schedule: Schedule) -> None:
    previous = 0
    for instruction in schedule.step:
        if not previous <= instruction.start_ns <= instruction.end_ns:
            raise VerifyError(
                instruction.label,
                expected=f"a start at or after {previous} ns and an end at or after its start",
                found=f"{instruction.start_ns}-{instruction.end_ns} ns",
            )
        previous = instruction.start_ns
    end_ns = max((instruction.end_ns for instruction in schedule.step), default=0)
    if end_ns != schedule.latency_ns:
        raise VerifyError(
            "schedule", expected=f"a latency of {end_ns} ns", found=f"{schedule.latency_ns} ns"
        )


def _check_resources(schedule: Schedule) -> None:
    for section in (schedule.prologue, schedule.step):
        busy: dict[str, Instruction] = {}
        for instruction in sorted(section, key=lambda i: (i.start_ns, i.end_ns)):
            if instruction.start_ns == instruction.end_ns:
                continue
            before = busy.get(instruction.resource)
            if before is not None and instruction.start_ns < before.end_ns:
                raise VerifyError(
                    instruction.label,
                    expected=f"{instruction.resource} to be free",
                    found=f"it taken by {before.label}",
                )
            busy[instruction.resource] = instruction
    for instruction in schedule.step:
        _check_resource_name(instruction)


def _check_resource_name(instruction: Instruction) -> None:
    """Whether the resource is one of the device's own: exclusive use means nothing otherwise."""
    device, resource = instruction.device, instruction.resource
    link = f"{instruction.source}->{device}"
    fits = {
        InstructionKind.EXEC: resource == device
        or resource.startswith((f"{device}/", f"{device}#")),
        InstructionKind.PROGRAM: instruction.reads_matrix,
        InstructionKind.TRANSFER: resource == link or resource.startswith(f"{link}#"),
        InstructionKind.FREE: not resource,
    }
    if not fits[instruction.kind]:
        raise VerifyError(instruction.label, expected="a resource of its own", found=repr(resource))


def _check_operations(graph: Graph, schedule: Schedule) -> None:
    """Every operation that is not folded runs once per step, or more often where it may."""
    runs = Counter(name for instruction in schedule.step for name in instruction.ops)
    expected = {op.name for op in graph.ops if op.tag is not OperandTag.FOLDED}
    for name in sorted(expected | set(runs)):
        if name in expected and runs[name] > 1 and may_run_again(graph, [graph.op_by_name[name]]):
            continue
        if runs[name] != (1 if name in expected else 0):
            raise VerifyError(
                f"operation {name}",
                expected="one EXEC a step" if name in expected else "none, it is no such operation",
                found=f"{runs[name]}",
            )
