"""The task graph of a problem: who waits for whom, whatever runs where."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hptc.partition.problem import Problem
from hptc.partition.tables import Numbers


@dataclass(frozen=True)
class TaskGraph:
    """Tables of one problem's tasks and values; positions as in the problem."""

    problem: Problem
    inputs: tuple[tuple[int, ...], ...]
    """Values that each task reads."""
    outputs: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    """Tasks in a topological order of the values that are not carried."""

    @cached_property
    def tasks(self) -> int:
        """Number of tasks."""
        return len(self.problem.tasks)

    @cached_property
    def items(self) -> int:
        """What a pass over the problem meets: tasks, and values at each of their readers."""
        return self.tasks + sum(map(len, self.inputs))

    @cached_property
    def rank(self) -> tuple[int, ...]:
        """Position of each task in `order`."""
        return tuple(np.argsort(self.order).tolist())

    @cached_property
    def successors(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """(value, reader) pairs that wait for each task."""
        values = self.problem.values
        return tuple(
            tuple(
                (v, reader) for v in made if not values[v].carried for reader in values[v].readers
            )
            for made in self.outputs
        )

    @cached_property
    def waits(self) -> tuple[int, ...]:
        """How many of the pairs in `successors` each task is the reader of."""
        found = [0] * self.tasks
        for follows in self.successors:
            for _, reader in follows:
                found[reader] += 1
        return tuple(found)

    @cached_property
    def reads(self) -> Numbers:
        """(value, source, reader) of all that tasks read of others, row by row."""
        values, rows = self.problem.values, enumerate(self.inputs)
        found = [(v, values[v].src, t) for t, row in rows for v in row if values[v].src != t]
        return np.array(found, dtype=np.int64).reshape(-1, 3)

    @cached_property
    def level(self) -> Numbers:
        """How many tasks in a row come before each task, at most."""
        level = [0] * self.tasks
        for task in self.order:
            for _, reader in self.successors[task]:
                level[reader] = max(level[reader], level[task] + 1)
        return np.array(level, dtype=np.int64)
