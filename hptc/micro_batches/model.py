"""A phase as one micro-batch and an update, and what overlapping ones take."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from hptc.partition.check import energy_pj
from hptc.partition.part import part, settled
from hptc.partition.period.periodic import Periodic
from hptc.partition.period.steady import span_ns
from hptc.partition.problem import Assignment, Mode, Problem, Task, Value
from hptc.partition.seeds.warm import Place, place_of
from hptc.schedule.priced import Priced
from passes import accumulate
from passes.accumulate_gradients import once


@dataclass(frozen=True)
class MicroBatched:
    """A phase as one micro-batch, and the update after the last."""

    problem: Problem
    """All tasks, with the sums of gradients; none runs again."""
    every: tuple[int, ...]
    """Tasks of every micro-batch."""
    last: tuple[int, ...]
    """Tasks of the update."""

    @classmethod
    def of(cls, whole: Priced, steps: int) -> Self:
        """Take a phase apart; raises as `hptc.schedule.pose.pose` does."""
        graph = accumulate(whole.graph)
        priced, late = Priced.of(graph, whole.target, steps), once(graph)
        problem = priced.posed.problem
        once_each = tuple(replace(task, recompute=False) for task in problem.tasks)
        is_late = [task.name in late for task in priced.tasks]
        return cls(
            replace(problem, tasks=once_each),
            tuple(t for t, late in enumerate(is_late) if not late),
            tuple(t for t, late in enumerate(is_late) if late),
        )

    def at(self, places: Mapping[str, Place]) -> Self:
        """Return the same with tasks, by name, where they are said to run; others stay free."""
        modes = {
            t: mode
            for t, task in enumerate(self.problem.tasks)
            for mode, each in enumerate(task.modes)
            if places.get(task.name) == place_of(self.problem, each)
        }
        return replace(self, problem=settled(self.problem, modes))

    @cached_property
    def batch(self) -> Problem:
        """One micro-batch."""
        return part(self.problem, self.every)

    def update(self, batch: Assignment) -> Problem:
        """Return the update after micro-batches that are placed.

        Tasks that take no time stand for where gradients come from, and parameters go to.
        """
        modes = zip(self.batch.tasks, batch.placements, strict=True)
        devices = (task.modes[placement.mode].device for task, placement in modes)
        at = dict(zip(self.every, devices, strict=True))
        number = {task: index for index, task in enumerate(self.last)}
        tasks = [self.problem.tasks[task] for task in self.last]
        values: list[Value] = []
        sources: dict[int, int] = {}

        def pinned(device: int) -> int:
            tasks.append(Task(f"end {len(tasks)}", (Mode(device, 0),)))
            return len(tasks) - 1

        for value in self.problem.values:
            readers = tuple(number[reader] for reader in value.readers if reader in number)
            if value.src in number:
                src, ends = number[value.src], {at[r] for r in value.readers if r in at}
                if readers:
                    values.append(replace(value, src=src, readers=readers))
                if ends:
                    there = tuple(map(pinned, sorted(ends)))
                    values.append(replace(value, src=src, readers=there, carried=False))
            elif readers:
                if value.src not in sources:
                    sources[value.src] = pinned(at[value.src])
                src = sources[value.src]
                values.append(replace(value, src=src, readers=readers, carried=False))
        return replace(
            self.problem, tasks=tuple(tasks), values=tuple(values), together=(), residents=()
        )


@dataclass(frozen=True)
class Overlap:
    """Micro-batches that overlap, and the update after them."""

    count: int
    batch: Problem
    periodic: Periodic
    """Of the batch."""
    update: Problem
    updated: Assignment
    """Of the update."""
    period_bound_ns: int
    """Proven for all placements that were allowed."""
    ramp_bound_ns: int
    """Proven of the time of one micro-batch, for all placements."""

    @property
    def latency_ns(self) -> int:
        """What the whole step takes."""
        return span_ns(self.periodic, self.count) + self.updated.makespan_ns

    @property
    def latency_bound_ns(self) -> int:
        """Proven of the latency of all such steps."""
        return self.ramp_bound_ns + (self.count - 1) * self.period_bound_ns

    @property
    def energy_pj(self) -> float:
        """What the whole step takes, with the static power of all devices that it uses."""
        step = self.periodic.assignment
        dynamic = self.count * energy_pj(self.batch, step, 0)
        dynamic += energy_pj(self.update, self.updated, 0)
        used = {device for device, _ in self.places.values()}
        power = sum(self.batch.devices[d].static_power_pj_per_ns for d in sorted(used))
        return dynamic + power * self.latency_ns

    @property
    def places(self) -> dict[str, Place]:
        """Where each task runs, by name."""
        return places(self.batch, self.periodic.assignment) | places(self.update, self.updated)


def places(problem: Problem, assignment: Assignment) -> dict[str, Place]:
    """Return where each task runs, by name; of one that runs again, the first run."""
    pairs = zip(problem.tasks, assignment.placements, strict=False)
    return {task.name: place_of(problem, task.modes[each.mode]) for task, each in pairs}
