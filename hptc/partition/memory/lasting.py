"""What the memory of devices has to hold, whatever the schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hptc.errors import InfeasibleError
from hptc.partition.problem import Problem


def limited_memories(problem: Problem) -> dict[int, int]:
    """Return the bytes of each device that could not hold all values and residents at once."""
    total = total_bytes(problem)
    sizes = {d: device.memory_bytes for d, device in enumerate(problem.devices)}
    return {d: size for d, size in sizes.items() if size is not None and size < total}


def without_memory(problem: Problem) -> Problem:
    """Return the problem on devices that hold any number of bytes."""
    devices = tuple(replace(device, memory_bytes=None) for device in problem.devices)
    return replace(problem, devices=devices)


def total_bytes(problem: Problem) -> int:
    """Return the size of all values and residents, each once."""
    values = sum(value.bytes for value in problem.values)
    return values + sum(resident.bytes for resident in problem.residents)


def residents_read(problem: Problem) -> list[list[int]]:
    """Return the residents that each task reads."""
    found: list[list[int]] = [[] for _ in problem.tasks]
    for r, resident in enumerate(problem.residents):
        for reader in dict.fromkeys(resident.readers):
            found[reader].append(r)
    return found


def bytes_at_work(problem: Problem) -> tuple[int, ...]:
    """Return what a device holds while it runs each task: what that reads and makes."""
    found = [0] * len(problem.tasks)
    for value in problem.values:
        for task in {value.src, *value.readers}:
            found[task] += value.bytes
    for task, read in enumerate(residents_read(problem)):
        found[task] += sum(problem.residents[r].bytes for r in read)
    return tuple(found)


def lasting_bytes(problem: Problem, at: Sequence[int]) -> dict[int, int]:
    """Return what each device holds throughout if task t runs on `at[t]`.

    That is the residents read there, and the carried values at home.
    """
    found = dict.fromkeys(range(len(problem.devices)), 0)
    for resident in problem.residents:
        for device in {at[reader] for reader in resident.readers}:
            found[device] += resident.bytes
    for value in problem.values:
        if value.carried:
            found[at[value.src]] += value.bytes
    return found


def check_room(
    problem: Problem, options: Sequence[Sequence[int]], memories: Mapping[int, int]
) -> None:
    """Refuse a task that no device has the memory for, even alone; raises InfeasibleError."""
    for task, modes in enumerate(options):
        if not modes:
            limits = ", ".join(f"{problem.devices[d].name}: {size}" for d, size in memories.items())
            raise InfeasibleError(
                f"memory: task {problem.tasks[task].name!r}",
                expected="a device that holds what it and those of its group read and make",
                found=f"none with {bytes_at_work(problem)[task]} bytes among its own ({limits})",
                hint="Enlarge memory_bytes, or allow the task on another device.",
            )
