"""What the runs of tasks are called in files: a first run by its id, a rerun by id and number."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hptc.partition.problem import Problem, Rerun
from hptc.partition.reruns import expanded, source_values

Id = int | str
Label = Id | dict[str, Any]


class Runs:
    """All runs of an answer: those of the tasks in order, then the reruns.

    Args:
        problem: What was asked.
        task_ids: What the file calls its tasks.
        reruns: Of the answer.
    """

    def __init__(self, problem: Problem, task_ids: Sequence[Id], reruns: Sequence[Rerun]) -> None:
        self.problem = expanded(problem, reruns)
        """With the reruns as tasks."""
        self.sources = source_values(problem, reruns)
        """Which value of the file each value is."""
        self.ids = [*task_ids, *(task_ids[rerun.task] for rerun in reruns)]
        self._numbers = [1] * len(task_ids)
        seen = Counter[int]()
        for rerun in reruns:
            seen[rerun.task] += 1
            self._numbers.append(1 + seen[rerun.task])
        self._serves = {len(task_ids) + i: rerun.readers for i, rerun in enumerate(reruns)}

    def label(self, run: int) -> Label:
        """Return what a run is called."""
        number = self._numbers[run]
        return self.ids[run] if number == 1 else {"task": self.ids[run], "run": number}

    def row(self, run: int) -> dict[str, Any]:
        """Return what an answer says of a run besides its place and time."""
        if run not in self._serves:
            return {"task": self.ids[run]}
        serves = [self.label(reader) for reader in self._serves[run]]
        return {"task": self.ids[run], "run": self._numbers[run], "serves": serves}
