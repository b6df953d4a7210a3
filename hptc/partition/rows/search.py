"""Choosing in how many chunks each task runs, and where.

A choice holds for all chunks of a task and for all tasks that are alike: it is coarse, and what the
chunks are placed anew from.
"""

from collections.abc import Iterator, Mapping, Sequence

from hptc.partition.goal import Objective
from hptc.partition.limits import Clock
from hptc.partition.prepare import prepare
from hptc.partition.rows.choice import Change, Choice
from hptc.partition.rows.coarse import Coarse
from hptc.partition.rows.estimate import promising
from hptc.partition.rows.problem import RowProblem
from hptc.partition.seeds.repeats import find_repeats

LEAST_WORK = 0.003
"""A kind of tasks that does less of the work is left as it is."""

PATIENCE = 40
"""Changes in vain, one after the other, after which the less promising ones are left out."""


class RowSearch:
    """Looks for the best choice, from uniform ones to single kinds of tasks.

    Args:
        problem: What is to be cut.
        objective: What counts.
        clock: When to stop.
    """

    def __init__(self, problem: RowProblem, objective: Objective, clock: Clock) -> None:
        self._problem = problem
        self._clock = clock
        self._objective = objective
        self._whole = prepare(problem.whole)
        self._coarse = Coarse(problem, self._whole, objective, clock.work)
        members = find_repeats(self._whole).members
        kinds = {kind: sum(map(self._work, kind)) for kind in members}
        least = LEAST_WORK * sum(kinds.values())
        self._kinds = sorted(
            (kind for kind in kinds if kinds[kind] >= least), key=lambda k: -kinds[k]
        )
        self._reads = [
            [mode for mode in options if task.modes[mode].matrix is not None]
            for task, options in zip(problem.whole.tasks, self._whole.options, strict=True)
        ]
        self.tried = 0
        """Choices that were worked out."""

    def best(self, starts: Sequence[Sequence[int]], counts: Sequence[int]) -> Choice | None:
        """Return the best choice found; None if there was no time for any.

        Args:
            starts: Modes of the whole tasks to begin with.
            counts: Numbers of chunks; starts are compared by the first.
        """
        found = None
        for modes in (*starts, *self._filled(starts)):
            found = self._better(found, self._uniform(counts[0]), modes) if counts else None
        for count in counts[1:]:
            if found is not None:
                found = self._better(found, self._uniform(count), found.modes)
        while found is not None:
            before = found.value
            found = self._improved(found, counts)
            if found.value >= before:
                break
        return found

    def _uniform(self, count: int) -> dict[int, int]:
        """Return the choice to cut all tasks that can be into so many chunks."""
        return {task: count for task in self._problem.modes if self._problem.cuttable(task, count)}

    def _filled(self, starts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Yield choices that hold as many matrices as fit, each in the same number of copies.

        What they save may only pay for the power of their device together.
        """
        most = max(map(len, self._reads))
        for start in starts:
            for copies in range(most):
                modes = list(start)
                for kind in self._kinds:
                    moved = list(modes)
                    for task in kind:
                        reads = self._reads[task]
                        if copies < len(reads):
                            moved[task] = reads[copies]
                    if self._whole.admits(moved):
                        modes = moved
                yield modes

    def _improved(self, choice: Choice, counts: Sequence[int]) -> Choice:
        """Return the choice after changes one after the other, the most promising first."""
        changes = self._changes(choice, counts)
        in_vain = 0
        for change in promising(self._problem, self._objective, choice, changes):
            before, choice = choice, self._better(choice, *change.made_to(choice)) or choice
            in_vain = in_vain + 1 if choice is before else 0
            if in_vain == PATIENCE:
                break
        return choice

    def _changes(self, choice: Choice, counts: Sequence[int]) -> Iterator[Change]:
        """Yield other modes and numbers of chunks for each kind of tasks."""
        for kind in self._kinds:
            count, mode = choice.counts.get(kind[0], 1), choice.modes[kind[0]]
            for other in self._whole.options[kind[0]]:
                if other != mode:
                    yield Change(kind, count, other)
            for other in (1, *counts):
                if other != count and (other == 1 or self._problem.cuttable(kind[0], other)):
                    yield Change(kind, other, mode)

    def _better(
        self, known: Choice | None, counts: Mapping[int, int], modes: Sequence[int]
    ) -> Choice | None:
        """Work out a choice; return it if it is better than the one that is known."""
        if self._clock.is_over():
            return known
        self.tried += 1
        found = self._coarse.choice(counts, modes)
        return found if known is None or found.value < known.value else known

    def _work(self, task: int) -> int:
        return min(self._whole.duration[task])
