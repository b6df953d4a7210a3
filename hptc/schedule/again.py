"""Phases in which tasks run again where memory is short (`hptc.partition.reruns`)."""

from dataclasses import replace

from hptc.partition.problem import Assignment
from hptc.partition.reruns import expanded, source_values
from hptc.schedule.priced import Priced


def with_reruns(priced: Priced, assignment: Assignment) -> tuple[Priced, Assignment]:
    """Return a phase in which each rerun of an answer is one more task, and the answer to that."""
    reruns = assignment.reruns
    if not reruns:
        return priced, assignment
    posed, problem = priced.posed, priced.posed.problem
    again = replace(
        posed,
        problem=expanded(problem, reruns),
        tasks=(*posed.tasks, *(posed.tasks[rerun.task] for rerun in reruns)),
        values=tuple(posed.values[v] for v in source_values(problem, reruns)),
    )
    tasks = (*priced.tasks, *(priced.tasks[rerun.task] for rerun in reruns))
    return replace(priced, tasks=tasks, posed=again), replace(assignment, reruns=())
