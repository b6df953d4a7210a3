"""What each instruction of a schedule does to the memories of the devices."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from hptc.errors import VerifyError
from hptc.ir.graph import Graph
from hptc.ir.tasks import Task, task_from
from hptc.runtime.kernels import Kernel, Memory, Numerics, compile_kernel
from hptc.schedule.model import Instruction, InstructionKind


@dataclass(frozen=True, slots=True)
class Context:
    """What instructions act on, during the prologue or one step."""

    memories: Mapping[str, Memory]
    """One memory per device; a device sees no other."""
    programmed: set[str]
    """Matrices in crossbars, as `device/matrix`."""
    fed: Mapping[str, Tensor]
    """The state to load during the prologue, the inputs of the driver during a step."""
    watch: Collection[str] = ()
    watched: dict[str, Tensor] = field(default_factory=dict)


Action = Callable[[Context], None]


def compile_instruction(
    graph: Graph, instruction: Instruction, numerics: Mapping[str, Numerics]
) -> Action:
    """Return the instruction as an action on a context.

    Raises:
        UnsupportedOpError: It runs an operation that torch does not have.
        VerifyError: It is malformed.
    """
    match instruction.kind:
        case InstructionKind.EXEC | InstructionKind.FOLD:
            return _compile_run(graph, instruction, numerics.get(instruction.device))
        case InstructionKind.LOAD:
            return _Load(instruction)
        case InstructionKind.PROGRAM:
            return _Program(instruction)
        case InstructionKind.TRANSFER:
            return _Transfer(instruction)
        case InstructionKind.FREE:
            return _Free(instruction)
        case InstructionKind.READ_BACK:
            raise VerifyError(
                instruction.label, expected="READ_BACK in the epilogue only", found="it before"
            )


def _compile_run(graph: Graph, instruction: Instruction, numerics: Numerics | None) -> "_Run":
    unknown = [name for name in instruction.ops if name not in graph.op_by_name]
    if unknown:
        raise VerifyError(instruction.label, expected="operations of the graph", found=unknown[0])
    ops = [graph.op_by_name[name] for name in instruction.ops]
    task = task_from(graph, instruction.task, ops)
    if instruction.kind is InstructionKind.EXEC:
        _check_rows(instruction, task)
    return _Run(
        instruction,
        kernels=tuple(
            compile_kernel(op, numerics.function(graph, op) if numerics else None) for op in ops
        ),
        inputs=task.inputs,
        leaves=task.outputs,
    )


def _check_rows(instruction: Instruction, task: Task) -> None:
    said, done = (instruction.rows, instruction.accumulate), (task.rows, task.accumulates)
    if said != done:
        raise VerifyError(
            instruction.label, expected=_chunk(*done), found=f"an EXEC of {_chunk(*said)}"
        )


def _chunk(rows: tuple[int, int] | None, accumulates: bool) -> str:
    place = "all rows" if rows is None else f"rows {rows[0]} to {rows[1] - 1}"
    return f"{place}, accumulated" if accumulates else place


@dataclass(frozen=True, slots=True)
class _Run:
    """EXEC and FOLD: run operations on what lies in the memory of the device."""

    instruction: Instruction
    kernels: tuple[Kernel, ...]
    inputs: tuple[str, ...]
    leaves: tuple[str, ...]

    def __call__(self, context: Context) -> None:
        memory = context.memories[self.instruction.device]
        self._check_programmed(context)
        local: Memory = {}
        is_exec = self.instruction.kind is InstructionKind.EXEC
        for name in self.inputs:
            if name in memory:
                local[name] = memory[name]
            elif is_exec and name in context.fed:
                local[name] = context.fed[name]
            else:
                raise _absent(self.instruction, name, self.instruction.device)
        for kernel in self.kernels:
            try:
                kernel.run(local)
            except KeyError as err:  # an output that its operation masked out
                raise _absent(self.instruction, str(err.args[0]), kernel.op.name) from None
        memory.update({name: local[name] for name in self.leaves if name in local})
        for name in context.watch:
            if name in local:
                context.watched[name] = local[name]

    def _check_programmed(self, context: Context) -> None:
        resource, writes_it = self.instruction.resource, self.instruction.cells > 0
        is_there = writes_it or resource in context.programmed
        if self.instruction.reads_matrix and not is_there:
            raise VerifyError(
                self.instruction.label, expected=f"{resource} programmed", found="it blank"
            )


@dataclass(frozen=True, slots=True)
class _Load:
    instruction: Instruction

    def __call__(self, context: Context) -> None:
        name = self.instruction.value
        if name not in context.fed:
            raise _absent(self.instruction, name, "the host")
        context.memories[self.instruction.device][name] = context.fed[name]


@dataclass(frozen=True, slots=True)
class _Program:
    """The cells are the memory that LOAD or FOLD filled; programming allows reads of the matrix."""

    instruction: Instruction

    def __call__(self, context: Context) -> None:
        context.programmed.add(self.instruction.resource)


@dataclass(frozen=True, slots=True)
class _Transfer:
    instruction: Instruction

    def __call__(self, context: Context) -> None:
        name, source = self.instruction.value, self.instruction.source
        if name not in context.memories[source]:
            raise _absent(self.instruction, name, source)
        context.memories[self.instruction.device][name] = context.memories[source][name]


@dataclass(frozen=True, slots=True)
class _Free:
    instruction: Instruction

    def __call__(self, context: Context) -> None:
        memory = context.memories[self.instruction.device]
        if memory.pop(self.instruction.value, None) is None:
            raise _absent(self.instruction, self.instruction.value, self.instruction.device)


def _absent(instruction: Instruction, value: str, place: str) -> VerifyError:
    return VerifyError(instruction.label, expected=f"{value} on {place}", found="it absent there")
