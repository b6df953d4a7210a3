"""Tasks: the groups of operations that are placed together.

The pass `fuse-chains` labels operations with their task; this module is the one place that turns
the labels into groups with inputs and outputs. Folded operations belong to no task: the runtime
evaluates them once at phase entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hptc.errors import UsageError
from hptc.ir.graph import Graph, Op, OperandTag


@dataclass(frozen=True, slots=True)
class Task:
    """Operations that run back to back on one device."""

    name: str
    ops: tuple[Op, ...]
    inputs: tuple[str, ...]
    """Values read from outside the task, each once."""
    outputs: tuple[str, ...]
    """Values that another task reads, or that outlive the step."""

    @property
    def rows(self) -> tuple[int, int] | None:
        """The rows of the chunk that all operations work on; None if they work on others too."""
        found = {op.rows for op in self.ops}
        return found.pop() if len(found) == 1 else None

    @property
    def accumulates(self) -> bool:
        """Whether it adds to what the tasks of the chunks before it made."""
        return any(op.accumulates for op in self.ops)


def tasks_of(graph: Graph) -> tuple[Task, ...]:
    """Return the tasks of a fused graph, in topological order of their first operations.

    Raises:
        UsageError: An operation that is not folded carries no task label.
    """
    groups: dict[str, list[Op]] = {}
    for op in graph.ops:
        if op.tag is OperandTag.FOLDED:
            continue
        if op.task is None:
            raise UsageError(
                f"operation {op.name}",
                expected="a task",
                found="none",
                hint="Run the pass fuse-chains first.",
            )
        groups.setdefault(op.task, []).append(op)
    return tuple(task_from(graph, name, ops) for name, ops in groups.items())


def folded_ops(graph: Graph) -> tuple[Op, ...]:
    """Return the operations evaluated once at phase entry, in order."""
    return tuple(op for op in graph.ops if op.tag is OperandTag.FOLDED)


def task_from(graph: Graph, name: str, ops: Sequence[Op]) -> Task:
    """Return operations as a task: what they read from outside, and what leaves them."""
    made = {value for op in ops for value in op.outputs}
    read = dict.fromkeys(value for op in ops for value in op.inputs if value not in made)
    members = {op.name for op in ops}
    leaves = tuple(
        value
        for op in ops
        for value in op.outputs
        if value in graph.kept or any(reader.name not in members for reader in graph.readers[value])
    )
    return Task(name, tuple(ops), tuple(read), leaves)
