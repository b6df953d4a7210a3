"""Choosing in how many chunks each task runs, and where.

A choice holds for all chunks of a task and for all tasks that are alike: it is coarse, and what the
chunks are placed anew from.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hptc.partition.check import energy_pj
from hptc.partition.decode import decode_by_rank, to_assignment
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock
from hptc.partition.prepare import prepare
from hptc.partition.rows.problem import RowProblem, cut
from hptc.partition.seeds.repeats import find_repeats

LEAST_WORK = 0.003
"""A kind of tasks that does less of the work is left as it is."""
CHOICE_S = 5e-5
"""Work of a choice in s, per chunk (measured)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Chunks and modes of the whole tasks, and what they come to."""

    counts: Mapping[int, int]
    """Of the tasks that are cut."""
    modes: tuple[int, ...]
    value: Fraction | float
    """Of the objective; infinite where nothing within its limits was found."""


class RowSearch:
    """Looks for the best choice, from uniform ones to single kinds of tasks.

    Args:
        problem: What is to be cut.
        objective: What counts.
        clock: When to stop.
    """

    def __init__(self, problem: RowProblem, objective: Objective, clock: Clock) -> None:
        self._problem = problem
        self._objective = objective
        self._clock = clock
        self._whole = prepare(problem.whole)
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
            found = self._improved(found, self._moved)
            found = self._improved(found, lambda choice, kind: self._recut(choice, kind, counts))
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

    def _improved(
        self,
        choice: Choice,
        near: Callable[[Choice, Sequence[int]], Iterator[tuple[Mapping[int, int], Sequence[int]]]],
    ) -> Choice:
        """Return the choice after a sweep over the kinds of tasks, the longest first."""
        for kind in self._kinds:
            for counts, modes in near(choice, kind):
                choice = self._better(choice, counts, modes) or choice
        return choice

    def _recut(
        self, choice: Choice, kind: Sequence[int], counts: Sequence[int]
    ) -> Iterator[tuple[Mapping[int, int], Sequence[int]]]:
        """Yield choices with another number of chunks for one kind of tasks."""
        now = choice.counts.get(kind[0], 1)
        for count in (1, *counts):
            if count != now and (count == 1 or self._problem.cuttable(kind[0], count)):
                yield {**choice.counts, **dict.fromkeys(kind, count)}, choice.modes

    def _moved(
        self, choice: Choice, kind: Sequence[int]
    ) -> Iterator[tuple[Mapping[int, int], Sequence[int]]]:
        """Yield choices with another mode for one kind of tasks."""
        for mode in self._whole.options[kind[0]]:
            if mode != choice.modes[kind[0]]:
                modes = list(choice.modes)
                for task in kind:
                    modes[task] = mode
                yield choice.counts, modes

    def _better(
        self, known: Choice | None, counts: Mapping[int, int], modes: Sequence[int]
    ) -> Choice | None:
        """Work out a choice; return it if it is better than the one that is known."""
        if self._clock.is_over():
            return known
        self.tried += 1
        self._clock.work.add(CHOICE_S * sum(counts.get(task, 1) for task in range(len(modes))))
        kept = {task: count for task, count in counts.items() if count > 1}
        found = Choice(kept, tuple(self._whole.settled(modes)), math.inf)
        found = replace(found, value=self._value(found))
        return found if known is None or found.value < known.value else known

    def _value(self, choice: Choice) -> Fraction | float:
        if not self._whole.admits(choice.modes):
            return math.inf
        pieces = cut(self._problem, choice.counts)
        instance = prepare(pieces.problem)
        schedule = decode_by_rank(instance, pieces.spread(choice.modes))
        energy = energy_pj(pieces.problem, to_assignment(instance, schedule))
        if not self._objective.admits(schedule.makespan, energy):
            return math.inf
        return self._objective.value(schedule.makespan, energy)

    def _work(self, task: int) -> int:
        return min(self._whole.duration[task])
