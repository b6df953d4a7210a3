"""Whether the numbers of a problem make sense."""

import math
from collections.abc import Iterable

from hptc.errors import InfeasibleError, ProblemError
from hptc.partition.problem import Problem, Task, row_matrix


def validate(problem: Problem) -> None:
    """Check positions, sizes and modes.

    Raises:
        InfeasibleError: a task has no mode.
        ProblemError: a position out of range, a negative size or time, a device named twice.
    """
    for task in problem.tasks:
        if not task.modes:
            raise InfeasibleError(
                f"task {task.name!r}",
                expected="at least one device that can run it",
                found="none",
                hint="Add a device that supports the operation to the target.",
            )
    _check_positions(problem)
    _check_sizes(problem)
    _check_data(problem)


def invalid(where: str, expected: str, found: object) -> ProblemError:
    """Return the error that says what a problem holds and what was expected."""
    return ProblemError(where, expected=expected, found=str(found))


def _check_positions(problem: Problem) -> None:
    devices, matrices = range(len(problem.devices)), range(len(problem.matrices))
    for task in problem.tasks:
        for mode in task.modes:
            if mode.device not in devices:
                raise invalid(f"task {task.name!r}", f"a device below {len(devices)}", mode.device)
            if mode.matrix is None:
                continue
            if mode.matrix not in matrices:
                raise invalid(f"task {task.name!r}", "a known matrix", mode.matrix)
            matrix = problem.matrices[mode.matrix]
            if matrix.device != mode.device:
                wanted = f"to read matrix {matrix.name!r} on its device, {matrix.device}"
                raise invalid(f"task {task.name!r}", wanted, f"device {mode.device}")
        _check_distinct(problem, task)
    for v, value in enumerate(problem.values):
        _check_tasks(problem, f"value {v}", (value.src, *value.readers))
        written = [write.device for write in value.writes]
        if not set(written) <= set(devices) or len(set(written)) < len(written):
            raise invalid(f"value {v}", "at most one write on a device", written)
    for r, resident in enumerate(problem.residents):
        _check_tasks(problem, f"resident {r}", resident.readers)
    for group in problem.together:
        _check_tasks(problem, "together", group)
    for link in problem.links:
        if link.src not in devices or link.dst not in devices:
            raise invalid("links", f"devices below {len(devices)}", (link.src, link.dst))


def _check_distinct(problem: Problem, task: Task) -> None:
    """One mode for each device, and for each matrix of a spatial one."""
    named = [(mode.device, row_matrix(problem, mode)) for mode in task.modes]
    if len(set(named)) < len(named):
        wanted = "modes on distinct devices, or that read distinct matrices of a spatial device"
        raise invalid(f"task {task.name!r}", wanted, [device for device, _ in named])


def _check_tasks(problem: Problem, where: str, positions: Iterable[int]) -> None:
    tasks = range(len(problem.tasks))
    for position in positions:
        if position not in tasks:
            raise invalid(where, f"tasks below {len(tasks)}", position)


def _check_data(problem: Problem) -> None:
    for v, value in enumerate(problem.values):
        if value.bytes < 0:
            raise invalid(f"value {v}", "at least 0 bytes", value.bytes)
        if any(write.duration_ns < 0 or write.energy_pj < 0 for write in value.writes):
            raise invalid(f"value {v}", "writes of at least 0 ns and pJ", value.writes)
        if value.carried and problem.tasks[value.src].recompute:
            name = problem.tasks[value.src].name
            raise invalid(f"task {name!r}", "no carried value of a task to recompute", f"value {v}")
    for r, resident in enumerate(problem.residents):
        if resident.bytes < 0:
            raise invalid(f"resident {r}", "at least 0 bytes", resident.bytes)


def _check_sizes(problem: Problem) -> None:
    for task in problem.tasks:
        if any(mode.duration_ns < 0 or mode.energy_pj < 0 for mode in task.modes):
            raise invalid(f"task {task.name!r}", "times and energies of at least 0", task.modes)
    for link in problem.links:
        fine = link.bandwidth_bytes_per_ns > 0 and link.latency_ns >= 0
        if not fine or not link.energy_pj_per_byte >= 0:
            raise invalid("links", "a positive bandwidth and no negative latency or energy", link)
    for device in problem.devices:
        if not 0 <= device.static_power_pj_per_ns < math.inf:
            raise invalid(f"device {device.name!r}", "a finite static power of at least 0", device)
        if device.memory_bytes is not None and device.memory_bytes < 0:
            raise invalid(f"device {device.name!r}", "a memory of at least 0", device.memory_bytes)
        if device.count < 1 or (device.count > 1 and device.capacity_crossbars is not None):
            wanted = "one unit or more, and just one of a device with crossbars"
            raise invalid(f"device {device.name!r}", wanted, device.count)
