"""From a problem to its tables: what every solve does first."""

from hptc.partition.groups import merged
from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.memory.lasting import check_room
from hptc.partition.problem import Problem, row_matrix
from hptc.partition.tables import link_positions, send_times, topological
from hptc.partition.validate import validate


def prepare(problem: Problem) -> Instance:
    """Validate a problem and build its tables.

    Raises:
        InfeasibleError: a task has no mode or none with room, or a group no device in common.
        ProblemError: positions out of range, negative sizes or times, two links for one pair of
            devices, a device named twice by one task, or a cycle.
    """
    validate(problem)
    resources: dict[tuple[int, int | None], int] = {}
    rows = tuple(
        tuple(
            resources.setdefault((mode.device, row_matrix(problem, mode)), len(resources))
            for mode in task.modes
        )
        for task in problem.tasks
    )
    inputs: list[list[int]] = [[] for _ in problem.tasks]
    outputs: list[list[int]] = [[] for _ in problem.tasks]
    for v, value in enumerate(problem.values):
        outputs[value.src].append(v)
        for reader in dict.fromkeys(value.readers):
            inputs[reader].append(v)
    found = Instance(
        problem=problem,
        device=tuple(tuple(mode.device for mode in task.modes) for task in problem.tasks),
        duration=tuple(tuple(mode.duration_ns for mode in task.modes) for task in problem.tasks),
        resource=rows,
        resources=tuple(resources),
        link_of=link_positions(problem),
        send=send_times(problem, NO_LINK),
        inputs=tuple(map(tuple, inputs)),
        outputs=tuple(map(tuple, outputs)),
        groups=merged(problem),
        order=topological(problem),
    )
    check_room(problem, found.options, found.memories)
    return found
