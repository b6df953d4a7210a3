"""What the tasks of a step ask for when its batch is some times larger.

Nothing is captured anew: what depends on the batch grows, sample by sample, and the work on it.
The gradient of a parameter does not: what makes it sums over more samples. Where that is not
plain (a gradient that needs no sum while the batch is one sample, or a random mask), the larger
batch comes out cheaper than it is.
"""

from collections.abc import Sequence
from dataclasses import replace

from cost_models.work import OpWork, TaskWork
from hptc.ir.contractions import Contraction, data_inputs
from hptc.ir.families import Family, family
from hptc.ir.graph import Graph, Op, OperandTag, Role, ValueKind
from hptc.ir.ops import Moved

_SUMMING = frozenset({Family.REDUCTION, Family.SCATTER})


def enlarged(graph: Graph, work: Sequence[TaskWork], factor: int) -> tuple[TaskWork, ...]:
    """Return the work of tasks for a batch `factor` times as large.

    Args:
        graph: The graph of the tasks, with roles and tags.
        work: As `cost_models.work.count_work` counts it.
        factor: At least 1.
    """
    growing = growing_values(graph)
    return tuple(
        replace(task, ops=tuple(_op(graph, op, growing, factor) for op in task.ops))
        for task in work
    )


def growing_values(graph: Graph) -> frozenset[str]:
    """Return the values that have a part for each sample of the batch."""
    found = {value.name for value in graph.values if value.kind is ValueKind.BATCH}
    gradients = {named.value for named in graph.gradients}
    for op in graph.ops:
        grows = op.role is not Role.OPTIMIZER and op.tag is not OperandTag.FOLDED
        if not grows or found.isdisjoint(data_inputs(graph, op)) or _sums(graph, op, found):
            continue
        for name in op.outputs:
            readers = graph.readers[name]
            is_gradient = name in gradients and all(r.role is Role.OPTIMIZER for r in readers)
            if not is_gradient and graph.by_name[name].numel > 1:
                found.add(name)
    return frozenset(found)


def _sums(graph: Graph, op: Op, growing: set[str]) -> bool:
    """Say whether an operation sums over the samples: on the way to a parameter's gradient."""
    if op.role is not Role.WEIGHT_GRADIENT:
        return False
    group = family(op.kind)
    if group is Family.CONTRACTION:
        return growing.issuperset(data_inputs(graph, op))
    return group in _SUMMING


def _op(graph: Graph, work: OpWork, growing: frozenset[str], factor: int) -> OpWork:
    inputs, outputs = data_inputs(graph, work.op), work.op.outputs
    if growing.isdisjoint((*inputs, *outputs)):
        return work

    def times(*names: str) -> int:
        return 1 if growing.isdisjoint(names) else factor

    reads = tuple(_moved(each, times(each.root)) for each in work.reads)
    if work.family is Family.GATHER and reads:  # of the table, only what is looked up
        reads = (_moved(work.reads[0], times(*outputs)), *reads[1:])
    writes = tuple(_moved(each, times(each.root)) for each in work.writes)
    read, written = _ratio(reads, work.reads), _ratio(writes, work.writes)
    gemm = work.gemm
    return replace(
        work,
        gemm=None if gemm is None else _product(gemm, growing, outputs[0], factor),
        left_elements=work.left_elements * times(gemm.left) if gemm else 0,
        right_elements=work.right_elements * times(gemm.right) if gemm else 0,
        rows=work.rows and replace(work.rows, count=work.rows.count * factor),
        flops=work.flops * factor,
        elements=round(work.elements * written),
        reads=reads,
        writes=writes,
        bytes_read=round(work.bytes_read * read),
        bytes_written=round(work.bytes_written * written),
        bytes_inner=round(work.bytes_inner * read),
        bytes_leaving=round(work.bytes_leaving * written),
    )


def _product(gemm: Contraction, growing: frozenset[str], output: str, factor: int) -> Contraction:
    """Return a contraction whose samples are rows, columns, products of their own, or summed."""
    left, right = gemm.left in growing, gemm.right in growing
    if output not in growing:
        return replace(gemm, k=gemm.k * factor)
    if left and right:
        return replace(gemm, batch=gemm.batch * factor)
    return replace(gemm, m=gemm.m * factor) if left else replace(gemm, n=gemm.n * factor)


def _moved(moved: Moved, factor: int) -> Moved:
    return Moved(moved.root, moved.bytes * factor)


def _ratio(after: Sequence[Moved], before: Sequence[Moved]) -> float:
    total = sum(moved.bytes for moved in before)
    return sum(moved.bytes for moved in after) / total if total else 1.0
