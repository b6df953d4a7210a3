"""Problems of some of the tasks of a problem."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hptc.partition.problem import Problem, Resident, Value


def part(problem: Problem, tasks: Sequence[int]) -> Problem:
    """Return the problem of some tasks, in their order, with the values between them.

    What other tasks carry to them stays as it is meanwhile, wherever it is read.
    """
    number = {task: index for index, task in enumerate(tasks)}

    def readers(of: Value | Resident) -> tuple[int, ...]:
        return tuple(number[reader] for reader in of.readers if reader in number)

    values = (
        replace(value, src=number[value.src], readers=readers(value))
        for value in problem.values
        if value.src in number
    )
    residents = (
        *(Resident(readers(each), each.bytes) for each in problem.residents),
        *(
            Resident(readers(value), value.bytes)
            for value in problem.values
            if value.carried and value.src not in number
        ),
    )
    together = (tuple(number[t] for t in group if t in number) for group in problem.together)
    return replace(
        problem,
        tasks=tuple(problem.tasks[task] for task in tasks),
        values=tuple(value for value in values if value.readers or value.carried),
        residents=tuple(each for each in residents if each.readers),
        together=tuple(group for group in together if len(group) > 1),
    )


def settled(problem: Problem, modes: Mapping[int, int]) -> Problem:
    """Return the problem with one mode for each task of `modes`."""
    tasks = tuple(
        replace(task, modes=(task.modes[modes[t]],)) if t in modes else task
        for t, task in enumerate(problem.tasks)
    )
    return replace(problem, tasks=tasks)
