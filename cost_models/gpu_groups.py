"""Which operations of a task share a kernel on a GPU."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from cost_models.work import OpWork, TaskWork
from hptc.ir.families import Family, base_name
from hptc.ir.graph import Role

OptimizerMode = Literal["per-tensor", "foreach", "fused"]
Group = tuple[OpWork, ...]


def groups(task: TaskWork, optimizer: OptimizerMode, *, fuse_elementwise: bool) -> list[Group]:
    """Return the operations of a task, kernel by kernel.

    Args:
        task: What to run.
        optimizer: A fused step is one kernel; else updates are as many as `torch.optim` starts.
        fuse_elementwise: Chains of element-wise operations are one kernel.
    """
    updates = task.role is Role.OPTIMIZER
    if fuse_elementwise or (updates and optimizer == "fused"):
        return _chains(task.ops)
    return _updates(task) if updates else [(op,) for op in task.ops]


def moved_bytes(group: Group, task: TaskWork) -> int:
    """Return the bytes between memory and one kernel.

    Each operand is read once. What the kernel makes is written if anything else needs it.
    """
    if len(group) == 1:
        return group[0].bytes_read + group[0].bytes_written
    made = {moved.root: moved.bytes for op in group for moved in op.writes}
    read = {moved.root: moved.bytes for op in group for moved in op.reads}
    inside = {id(op) for op in group}
    others = {moved.root for op in task.ops if id(op) not in inside for moved in op.reads}
    needed = task.leaving | others
    return sum(size for root, size in read.items() if root not in made) + sum(
        size for root, size in made.items() if root in needed
    )


def _chains(ops: Sequence[OpWork]) -> list[Group]:
    found: list[Group] = []
    for op in ops:
        last = found[-1][-1].family if found else None
        if op.family is last is Family.ELEMENTWISE:
            found[-1] = (*found[-1], op)
        else:
            found.append((op,))
    return found


_SUMS = frozenset({"add", "sub"})
_PRODUCTS = frozenset({"mul", "div"})
_TAKEN_PRODUCTS = 2
"""Most products that a sum takes along: two tensors and a number."""


def _updates(task: TaskWork) -> list[Group]:
    """Group operations as the in-place kernels of `torch.optim` do.

    A sum takes the products of its second operand along (`add_` with alpha, `addcmul_`,
    `addcdiv_`), and that of its first too where either is a tensor times a number (`lerp_`).
    """
    uses = Counter(moved.root for op in task.ops for moved in op.reads)
    made = {op.op.outputs[0]: op for op in task.ops if op.op.outputs}
    private = {
        root: op
        for root, op in made.items()
        if base_name(op.op.kind) in _PRODUCTS and uses[root] == 1 and root not in task.leaving
    }
    taken: dict[str, Group] = {}
    for op in task.ops:
        if base_name(op.op.kind) in _SUMS and len(op.reads) > 1:
            taken[op.op.outputs[0]] = tuple(_taken(op, private))
    inside = {op.op.outputs[0] for found in taken.values() for op in found}
    return [
        (*taken.get(op.op.outputs[0], ()), op)
        for op in task.ops
        if not op.op.outputs or op.op.outputs[0] not in inside
    ]


def _taken(total: OpWork, private: dict[str, OpWork]) -> Iterator[OpWork]:
    first, second = (private.get(moved.root) for moved in total.reads[:2])
    if first and second and _scales(first) and _scales(second):
        yield first
    chain: list[OpWork] = []
    while second and len(chain) < _TAKEN_PRODUCTS:
        chain.append(second)
        second = next((private[m.root] for m in second.reads if m.root in private), None)
    yield from reversed(chain)


def _scales(op: OpWork) -> bool:
    """Say whether the operation multiplies one tensor by a number."""
    return sum(moved.bytes == op.bytes_written for moved in op.reads) == 1
