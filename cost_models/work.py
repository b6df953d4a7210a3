"""What tasks ask of any device: sizes counted once, then priced by every cost model."""

from collections.abc import Sequence
from dataclasses import dataclass

from hptc.ir.contractions import Contraction, contraction
from hptc.ir.families import Family, family
from hptc.ir.graph import Graph, Op, Role
from hptc.ir.layout import MatrixRead, is_alias, layout_of, matrix_read, moves_nothing
from hptc.ir.ops import Moved, bytes_written, flops, reads
from hptc.ir.rows import Rows, rows
from hptc.ir.tasks import Task


@dataclass(frozen=True, slots=True)
class OpWork:
    """One operation that computes or moves data.

    Views that alias and joins of chunks do neither and are left out, as are operations without an
    element to write.
    """

    op: Op
    family: Family
    gemm: Contraction | None
    left_elements: int
    """Distinct elements of a contraction's left operand: fewer than batch x m x k where it is
    broadcast, or where the windows of a convolution overlap. 0 for other operations."""
    right_elements: int
    """Distinct elements of its right operand."""
    rows: Rows | None
    """What a softmax, a norm or the gradient of an embedding works through."""
    flops: int
    elements: int
    """Elements written."""
    reads: tuple[Moved, ...]
    writes: tuple[Moved, ...]
    bytes_read: int
    bytes_written: int
    bytes_inner: int
    """Of the bytes read, those made earlier in the same task."""
    bytes_leaving: int
    """Of the bytes written, those that leave the task."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The matrix that the only operation of a task, a contraction, reads."""

    read: MatrixRead
    trained: bool
    """Its values change every step."""


@dataclass(frozen=True, slots=True)
class TaskWork:
    """One task, counted."""

    name: str
    role: Role
    """Of its first operation."""
    ops: tuple[OpWork, ...]
    leaving: frozenset[str]
    """Storage that other tasks read, or that outlives the step."""
    matrix: Matrix | None
    """None unless the task is one contraction (and views) with a non-transient operand."""


def count_work(graph: Graph, tasks: Sequence[Task]) -> tuple[TaskWork, ...]:
    """Return the work of each task, in their order. Needs residencies."""
    return tuple(_task_work(graph, task) for task in tasks)


def _task_work(graph: Graph, task: Task) -> TaskWork:
    inner: set[str] = set()
    counted: list[OpWork] = []
    leaving = frozenset(task.outputs)
    for op in task.ops:
        if moves_nothing(graph, op):
            if inner.issuperset(op.inputs):
                inner.update(op.outputs)
            continue
        if any(graph.by_name[name].numel for name in op.outputs):
            counted.append(_op_work(graph, op, inner, leaving))
        inner.update(op.outputs)
    only = counted[0].op if len(counted) == 1 else None
    return TaskWork(
        task.name,
        task.ops[0].role,
        tuple(counted),
        frozenset(layout_of(graph, name).root for name in leaving),
        _matrix(graph, only) if only is not None else None,
    )


def _op_work(graph: Graph, op: Op, inner: set[str], leaving: frozenset[str]) -> OpWork:
    operands = reads(graph, op)
    read = sum(moved.bytes for moved in operands)
    reread = sum(
        layout_of(graph, name).distinct * graph.by_name[name].dtype.bytes
        for name in op.inputs
        if name in inner
    )
    outputs = [graph.by_name[name] for name in op.outputs]
    escaped = [v for v in outputs if v.name in leaving or _viewed_out(graph, v.name, leaving)]
    gemm = contraction(graph, op)
    return OpWork(
        op=op,
        family=family(op.kind),
        gemm=gemm,
        left_elements=layout_of(graph, gemm.left).distinct if gemm else 0,
        right_elements=layout_of(graph, gemm.right).distinct if gemm else 0,
        rows=rows(graph, op),
        flops=flops(graph, op),
        elements=sum(value.numel for value in outputs),
        reads=operands,
        writes=tuple(Moved(value.name, value.bytes) for value in outputs),
        bytes_read=read,
        bytes_written=bytes_written(graph, op),
        bytes_inner=min(read, reread),  # a gather reads less than the whole of its table
        bytes_leaving=sum(value.bytes for value in escaped),
    )


def _viewed_out(graph: Graph, name: str, leaving: frozenset[str]) -> bool:
    """Say whether a view of the value leaves the task."""
    views = [op for op in graph.readers[name] if op.inputs[0] == name and is_alias(graph, op)]
    outputs = [output for op in views for output in op.outputs]
    return any(out in leaving or _viewed_out(graph, out, leaving) for out in outputs)


def _matrix(graph: Graph, op: Op) -> Matrix | None:
    read = matrix_read(graph, op)
    if read is None:
        return None
    residency = graph.by_name[read.operand].residency
    return Matrix(read, trained=residency is None or not residency.is_fixed)
