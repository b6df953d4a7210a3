"""Repeated blocks: tasks that look alike, and a smaller problem that has each of them a few times.

Deep models repeat their blocks, so a good choice of devices for one is a good choice for all. Tasks
are alike if the problem says so, or if they cost the same everywhere and so do their neighbours.
None of this proves anything: it finds modes, which the decoder then times on the whole problem.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from hptc.partition.instance import Instance
from hptc.partition.memory.lasting import without_memory
from hptc.partition.problem import Problem, Value

KEPT = 1
"""Members of a class that the smaller problem keeps at either end of the graph."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """The classes of an instance's tasks."""

    of_task: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]
    """Tasks of each class, in topological order."""

    def echoed(self, before: Sequence[int], after: Sequence[int]) -> list[int]:
        """Return `after` with each change from `before` made to all tasks that are alike."""
        modes = list(after)
        for task, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                for other in self.members[self.of_task[task]]:
                    modes[other] = new
        return modes


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A problem with the first and last members of each class only."""

    problem: Problem
    position: dict[int, int]
    """Of each kept task in the smaller problem."""
    repeats: Repeats

    def spread(self, modes: Sequence[int]) -> Iterator[list[int]]:
        """Yield modes for all tasks: those left out do as the last kept before them, or after."""
        for pick in (KEPT - 1, -KEPT):
            found = [0] * len(self.repeats.of_task)
            for members in self.repeats.members:
                for task in members:
                    kept = task if task in self.position else members[pick]
                    found[task] = modes[self.position[kept]]
            yield found


def find_repeats(instance: Instance) -> Repeats:
    """Return which tasks are alike.

    Those have the same label and the same devices. Without labels: the same devices and durations,
    and neighbours of the same kind.
    """
    values = instance.problem.values
    kinds = _numbered(list(zip(instance.device, instance.duration, strict=True)))
    around: list[Hashable] = [
        (
            kinds[task],
            tuple(sorted((kinds[values[v].src], values[v].bytes) for v in instance.inputs[task])),
            tuple(
                sorted(
                    (values[v].bytes, tuple(sorted(kinds[reader] for reader in values[v].readers)))
                    for v in instance.outputs[task]
                )
            ),
        )
        for task in range(instance.tasks)
    ]
    labels = [task.block for task in instance.problem.tasks]
    of_task = _numbered(
        [
            alike if label is None else (label, instance.device[task])
            for task, (label, alike) in enumerate(zip(labels, around, strict=True))
        ]
    )
    members: list[list[int]] = [[] for _ in range(max(of_task, default=-1) + 1)]
    for task in instance.order:
        members[of_task[task]].append(task)
    return Repeats(tuple(of_task), tuple(map(tuple, members)))


def shrink(instance: Instance, repeats: Repeats) -> Shrunk:
    """Return the problem of the first and last members of each class.

    What they read of a task that is left out, they read of the last one kept before it.
    """
    kept = {t for members in repeats.members for t in (*members[:KEPT], *members[-KEPT:])}
    problem = instance.problem
    position = {task: index for index, task in enumerate(sorted(kept))}
    readers: dict[tuple[int, Value], set[int]] = {}
    for v, value in enumerate(problem.values):
        is_kept = value.src in kept
        source = value.src if is_kept else repeats.members[repeats.of_task[value.src]][KEPT - 1]
        carried = is_kept and value.carried
        made = replace(value, src=position[source], readers=(), carried=carried)
        for reader in value.readers:
            is_early = instance.rank[source] < instance.rank[reader]
            if reader in kept and (is_early or carried):
                readers.setdefault((v if is_kept else -1, made), set()).add(position[reader])
    values = tuple(
        replace(made, readers=tuple(sorted(found))) for (_, made), found in readers.items()
    )
    tasks = tuple(problem.tasks[task] for task in position)
    groups = tuple(
        tuple(position[task] for task in group if task in position) for group in problem.together
    )
    devices = without_memory(problem).devices
    smaller = Problem(devices, problem.links, tasks, values, problem.matrices, groups)
    return Shrunk(smaller, position, repeats)


def _numbered(keys: Sequence[Hashable]) -> list[int]:
    """Return for each key the position of its first occurrence among the different ones."""
    known: dict[Hashable, int] = {}
    return [known.setdefault(key, len(known)) for key in keys]
