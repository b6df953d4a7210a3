"""What changes to a choice should come to: a first order, to try the most promising first.

As if transfers stayed as they are, and the makespan in proportion to what all tasks take together.
"""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from hptc.partition.goal import Objective
from hptc.partition.problem import Problem
from hptc.partition.rows.choice import Change, Choice
from hptc.partition.rows.problem import RowProblem


def promising(
    problem: RowProblem, objective: Objective, choice: Choice, changes: Iterable[Change]
) -> list[Change]:
    """Return changes to a choice, those first that should help most."""
    estimates = _Estimates(problem, objective, choice)
    return sorted(changes, key=estimates.value)


class _Estimates:
    """Estimates of changes to one choice."""

    def __init__(self, problem: RowProblem, objective: Objective, choice: Choice) -> None:
        self._problem = problem
        self._objective = objective
        self._choice = choice
        tasks = range(len(choice.modes))
        self._users = Counter(self._device(task, choice.modes[task]) for task in tasks)
        self._total_ns = max(1, sum(self._now(task)[0] for task in tasks))
        self._dynamic_pj = choice.energy_pj - _power(problem.whole, self._users) * choice.time_ns

    def value(self, change: Change) -> Fraction:
        """Return about what the objective is after a change."""
        pairs = [(self._now(t), self._takes(t, change.count, change.mode)) for t in change.kind]
        more_ns = sum(after[0] - before[0] for before, after in pairs)
        more_pj = sum(after[1] - before[1] for before, after in pairs)
        time_ns = round(self._choice.time_ns * (1 + more_ns / self._total_ns))
        users = self._users.copy()
        users.subtract(self._device(task, self._choice.modes[task]) for task in change.kind)
        users.update(self._device(task, change.mode) for task in change.kind)
        energy_pj = self._dynamic_pj + more_pj + _power(self._problem.whole, users) * time_ns
        return self._objective.value(time_ns, energy_pj)

    def _device(self, task: int, mode: int) -> int:
        return self._problem.whole.tasks[task].modes[mode].device

    def _now(self, task: int) -> tuple[int, int]:
        return self._takes(task, self._choice.counts.get(task, 1), self._choice.modes[task])

    def _takes(self, task: int, count: int, mode: int) -> tuple[int, int]:
        """Return the time and energy of all chunks of a task, in ns and pJ."""
        if count == 1:
            chunks = [self._problem.whole.tasks[task].modes[mode]]
        else:
            by_size = self._problem.modes[task]
            chunks = [by_size[size][mode] for size in self._problem.sizes(count)]
        return sum(m.duration_ns for m in chunks), sum(m.energy_pj for m in chunks)


def _power(problem: Problem, users: Counter[int]) -> float:
    """Return the static power in pJ/ns of the devices that have users."""
    return sum(problem.devices[d].static_power_pj_per_ns for d, used in users.items() if used)
