"""Matrices that may be held in several sizes: how many crossbars each is worth.

The matrices that a task may read on one device are alternatives: one copy, or more that share the
vectors of its readers and so take more crossbars and less time. All readers of a family of
alternatives choose among the same ones.
"""

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx

from hptc.partition.problem import Problem, row_matrix

Place = tuple[int, int]
"""A task, and a device that can run it."""


@dataclass(frozen=True, slots=True)
class Family:
    """Tasks that choose among the same matrices of a device, smallest first."""

    device: int
    tasks: tuple[int, ...]
    crossbars: tuple[int, ...]
    modes: tuple[tuple[int, ...], ...]
    """For each matrix, the mode in which each task reads it."""


def families(problem: Problem) -> tuple[Family, ...]:
    """Return the families of alternatives, each of two or more that all its tasks can read."""
    choices = _choices(problem)
    graph: nx.Graph[int] = nx.Graph()
    readers: dict[int, list[Place]] = defaultdict(list)
    for place, modes in choices.items():
        nx.add_path(graph, modes)
        for matrix in modes:
            readers[matrix].append(place)
    found = []
    for component in nx.connected_components(graph):
        places = sorted({place for matrix in component for place in readers[matrix]})
        shared = set.intersection(*(set(choices[place]) for place in places))
        alike = sorted(shared, key=lambda m: (problem.matrices[m].crossbars, m))
        if len(alike) > 1:
            found.append(
                Family(
                    places[0][1],
                    tuple(task for task, _ in places),
                    tuple(problem.matrices[matrix].crossbars for matrix in alike),
                    tuple(tuple(choices[place][matrix] for place in places) for matrix in alike),
                )
            )
    return tuple(sorted(found, key=lambda family: (family.device, family.tasks)))


def _choices(problem: Problem) -> dict[Place, dict[int, int]]:
    """Matrix to mode of every task on every spatial device."""
    found: dict[Place, dict[int, int]] = defaultdict(dict)
    for t, task in enumerate(problem.tasks):
        for position, mode in enumerate(task.modes):
            matrix = row_matrix(problem, mode)
            if matrix is not None:
                found[t, mode.device][matrix] = position
    return found


def _first_modes(problem: Problem) -> dict[Place, int]:
    """Return the first mode of every task on every device."""
    found: dict[Place, int] = {}
    for t, task in enumerate(problem.tasks):
        for position, mode in enumerate(task.modes):
            found.setdefault((t, mode.device), position)
    return found


def water_filled(problem: Problem, families: Sequence[Family]) -> dict[Place, int]:
    """Return a mode of every task on every device, spare crossbars going where they save most.

    Every family starts with its smallest matrix. Then the step to a larger one that saves most
    time per crossbar is taken for as long as one fits beside all matrices of the device. Ties go to
    the first family.
    """
    filling = _Filling(problem, families)
    filling.fill()
    return filling.modes


class _Filling:
    """The state of a water-filling; `held` is the position of each family's matrix."""

    def __init__(self, problem: Problem, families: Sequence[Family]) -> None:
        self._problem, self._families = problem, families
        self._held = [0] * len(families)
        self.modes = _first_modes(problem)
        for family in families:
            self._take(family, 0)
        self._spare = self._left()
        self._steps: list[tuple[float, int, int]] = []

    def fill(self) -> None:
        """Take steps for as long as one fits."""
        for position in range(len(self._families)):
            self._offer(position)
        while self._steps:
            _, position, wanted = heapq.heappop(self._steps)
            family = self._families[position]
            crossbars = family.crossbars[wanted] - family.crossbars[self._held[position]]
            if crossbars <= self._spare[family.device]:
                self._spare[family.device] -= crossbars
                self._held[position] = wanted
                self._take(family, wanted)
            self._offer(position)

    def _left(self) -> dict[int, int]:
        matrices, tasks = self._problem.matrices, self._problem.tasks
        devices = enumerate(self._problem.devices)
        spare = {d: device.capacity_crossbars or 0 for d, device in devices}
        used = {(d, tasks[t].modes[mode].matrix) for (t, d), mode in self.modes.items()}
        for device, matrix in used:
            if matrix is not None:
                spare[device] -= matrices[matrix].crossbars
        return spare

    def _take(self, family: Family, wanted: int) -> None:
        for task, mode in zip(family.tasks, family.modes[wanted], strict=True):
            self.modes[task, family.device] = mode

    def _offer(self, position: int) -> None:
        """Push the step of a family that fits and saves most time per crossbar."""
        family, held = self._families[position], self._held[position]
        best: tuple[float, int] | None = None
        for wanted in range(held + 1, len(family.crossbars)):
            more = family.crossbars[wanted] - family.crossbars[held]
            saved = self._time_ns(family, held) - self._time_ns(family, wanted)
            if saved > 0 and more <= self._spare[family.device]:
                rate = saved / max(more, 1)
                if best is None or rate > best[0]:
                    best = rate, wanted
        if best is not None:
            heapq.heappush(self._steps, (-best[0], position, best[1]))

    def _time_ns(self, family: Family, alternative: int) -> int:
        """Time of a family's tasks together with one of its matrices."""
        return sum(
            self._problem.tasks[task].modes[mode].duration_ns
            for task, mode in zip(family.tasks, family.modes[alternative], strict=True)
        )
