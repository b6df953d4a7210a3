"""What a choice of chunks and modes of whole tasks comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hptc.partition.check import energy_pj
from hptc.partition.decode import decode_by_rank, to_assignment
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Work
from hptc.partition.prepare import prepare
from hptc.partition.rows.choice import Choice
from hptc.partition.rows.problem import Cut, RowProblem, cut

CUT_S = 3.5e-5
"""Work of cutting a problem in s, per chunk (measured)."""
CHOICE_S = 1.5e-5
"""Work of a choice in s, per chunk (measured)."""


class Coarse:
    """Works out choices by one schedule each; the last problem that was cut is kept.

    Args:
        problem: What is to be cut.
        whole: Its tables, uncut.
        objective: What counts.
        work: Where work is charged.
    """

    def __init__(
        self, problem: RowProblem, whole: Instance, objective: Objective, work: Work
    ) -> None:
        self._problem = problem
        self._whole = whole
        self._objective = objective
        self._work = work
        self._cut: tuple[Mapping[int, int], Cut, Instance] | None = None

    def choice(self, counts: Mapping[int, int], modes: Sequence[int]) -> Choice:
        """Return what cutting tasks into `counts` chunks in these modes comes to."""
        kept = {task: count for task, count in counts.items() if count > 1}
        found = Choice(kept, tuple(self._whole.settled(modes)))
        if not self._whole.admits(found.modes):
            return found
        pieces, instance = self._pieces(kept)
        self._work.add(CHOICE_S * instance.tasks)
        schedule = decode_by_rank(instance, pieces.spread(found.modes))
        energy = energy_pj(pieces.problem, to_assignment(instance, schedule))
        if not self._objective.admits(schedule.makespan, energy):
            return found
        value = self._objective.value(schedule.makespan, energy)
        return replace(found, value=value, time_ns=schedule.makespan, energy_pj=energy)

    def _pieces(self, counts: Mapping[int, int]) -> tuple[Cut, Instance]:
        if self._cut is None or self._cut[0] != counts:
            pieces = cut(self._problem, counts)
            self._work.add(CUT_S * len(pieces.problem.tasks))
            self._cut = counts, pieces, prepare(pieces.problem)
        return self._cut[1:]
