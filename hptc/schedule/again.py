"""Phases in which tasks run again where memory is short (`hptc.partition.memory.reruns`)."""

from collections.abc import Sequence
from dataclasses import replace

from hptc.partition.memory.reruns import expanded, source_values
from hptc.partition.problem import Rerun, Solution
from hptc.schedule.priced import Priced
from hptc.schedule.pure import may_run_again


def with_recompute(priced: Priced) -> Priced:
    """Return a phase, the tasks of its problem marked that may run again where memory binds."""
    problem = priced.posed.problem
    if all(device.memory_bytes is None for device in problem.devices):
        return priced
    carrying = {value.src for value in problem.values if value.carried}
    marked = (
        replace(found, recompute=index not in carrying and may_run_again(priced.graph, task.ops))
        for index, (found, task) in enumerate(zip(problem.tasks, priced.tasks, strict=True))
    )
    return replace(
        priced, posed=replace(priced.posed, problem=replace(problem, tasks=tuple(marked)))
    )


def with_reruns(priced: Priced, solution: Solution) -> tuple[Priced, Solution]:
    """Return a phase in which each rerun of an answer is one more task, and the answer to that."""
    reruns: Sequence[Rerun] = solution.assignment.reruns
    if not reruns:
        return priced, solution
    posed, problem = priced.posed, priced.posed.problem
    again = replace(
        posed,
        problem=expanded(problem, reruns),
        tasks=(*posed.tasks, *(posed.tasks[rerun.task] for rerun in reruns)),
        values=tuple(posed.values[v] for v in source_values(problem, reruns)),
    )
    tasks = (*priced.tasks, *(priced.tasks[rerun.task] for rerun in reruns))
    step = replace(solution.assignment, reruns=())
    return replace(priced, tasks=tasks, posed=again), replace(solution, assignment=step)
