"""Tasks that run again: what an answer with reruns means, as an ordinary problem.

A task with `recompute` may run again to make its results anew, so that they need not lie in memory
from their first readers to their last. A rerun is one more task: it has the modes of the first run,
shares its device, and reads what that reads, from the same runs unless other reruns serve it. It
makes all of the results; its readers take them from it and from no other run.

Bounds on the problem without memory hold for answers with reruns. All runs of a task are on one
device, so its results are there from the end of the run that ends first, and whatever is read or
sent later from another run could be that. So the first runs alone, with the first of the transfers
of a value to each device, are an answer to the problem without memory and without reruns, which
takes no more time and energy, and no more crossbars.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hptc.partition.check_busy import broken
from hptc.partition.problem import Assignment, Problem, Rerun


def expanded(problem: Problem, reruns: Sequence[Rerun]) -> Problem:
    """Return the problem in which each rerun is a task, and its results are values, at the end."""
    if not reruns:
        return problem
    count = len(problem.tasks)
    readers = [list(value.readers) for value in problem.values]
    residing = [list(resident.readers) for resident in problem.residents]
    runs = _runs_of(reruns, count)
    for row in (*readers, *residing):
        row += [run for task in dict.fromkeys(row) for run in runs.get(task, ())]
    made = []
    for v, index in _results(problem, reruns):
        served = set(reruns[index].readers)
        moved = tuple(reader for reader in readers[v] if reader in served)
        readers[v] = [reader for reader in readers[v] if reader not in served]
        made.append(replace(problem.values[v], src=count + index, readers=moved))
    return replace(
        problem,
        tasks=(*problem.tasks, *(problem.tasks[rerun.task] for rerun in reruns)),
        values=(
            *(replace(v, readers=tuple(r)) for v, r in zip(problem.values, readers, strict=True)),
            *made,
        ),
        residents=tuple(
            replace(found, readers=tuple(row))
            for found, row in zip(problem.residents, residing, strict=True)
        ),
        together=(
            *problem.together,
            *((rerun.task, count + index) for index, rerun in enumerate(reruns)),
        ),
    )


def without(problem: Problem, reruns: Sequence[Rerun], index: int) -> tuple[Rerun, ...]:
    """Return reruns without one of them, whose readers take what the first run makes."""
    gone = len(problem.tasks) + index
    return tuple(
        Rerun(rerun.task, tuple(r - (r > gone) for r in rerun.readers if r != gone))
        for position, rerun in enumerate(reruns)
        if position != index
    )


def answered(problem: Problem, assignment: Assignment) -> Problem:
    """Return the problem that an assignment answers, with its reruns as tasks.

    Raises:
        VerifyError: A rerun is of a task that must not run again, or serves whom it cannot.
    """
    check_reruns(problem, assignment.reruns)
    return expanded(problem, assignment.reruns)


def check_reruns(problem: Problem, reruns: Sequence[Rerun]) -> None:
    """Prove that reruns are of tasks that may run again, for their readers; raises VerifyError."""
    count = len(problem.tasks)
    for rerun in reruns:
        if not 0 <= rerun.task < count or not problem.tasks[rerun.task].recompute:
            raise broken("only tasks to recompute run again", "such a task", rerun.task)
    task_of = [*range(count), *(rerun.task for rerun in reruns)]
    again = {rerun.task for rerun in reruns}
    values = (v for v in problem.values if v.src in again and not v.carried)
    reads = {(value.src, reader) for value in values for reader in value.readers}
    served = set()
    for index, rerun in enumerate(reruns):
        name = problem.tasks[rerun.task].name
        for reader in rerun.readers:
            is_known = 0 <= reader < len(task_of) and reader != count + index
            if not is_known or (rerun.task, task_of[reader]) not in reads:
                raise broken("a rerun serves readers of its task", f"such of {name}", reader)
            if (rerun.task, reader) in served:
                raise broken("one run serves a reader", f"one of {name}", "several")
            served.add((rerun.task, reader))


def source_values(problem: Problem, reruns: Sequence[Rerun]) -> list[int]:
    """Return which value of the problem each value of the expanded one is."""
    return [*range(len(problem.values)), *(v for v, _ in _results(problem, reruns))]


def _results(problem: Problem, reruns: Sequence[Rerun]) -> Iterator[tuple[int, int]]:
    """Yield the values that reruns make anew, each with its rerun."""
    outputs: dict[int, list[int]] = defaultdict(list)
    for v, value in enumerate(problem.values):
        outputs[value.src].append(v)
    for index, rerun in enumerate(reruns):
        for v in outputs[rerun.task]:
            yield v, index


def _runs_of(reruns: Sequence[Rerun], first: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for index, rerun in enumerate(reruns):
        found[rerun.task].append(first + index)
    return found
