"""A first assignment from devices that are known beforehand."""

from collections.abc import Sequence

from hptc.partition.decode import decode_by_rank, to_assignment
from hptc.partition.instance import Instance, prepare
from hptc.partition.problem import Assignment, Problem


def assign(problem: Problem, devices: Sequence[int | None]) -> Assignment | None:
    """Return the tasks on given devices, those with the longest way to go first.

    Args:
        problem: What is to be placed.
        devices: Of each task. Where it is None, or the task cannot run there, its fastest mode.

    Returns:
        The answer; None where the crossbars or the links do not suffice.
    """
    instance = prepare(problem)
    modes = [_mode(instance, task, device) for task, device in enumerate(devices)]
    if not instance.admits(modes):
        return None
    return to_assignment(instance, decode_by_rank(instance, modes))


def _mode(instance: Instance, task: int, device: int | None) -> int:
    """Return the fastest mode of a task on a device."""
    durations, devices = instance.duration[task], instance.device[task]
    there = [mode for mode, at in enumerate(devices) if at == device]
    return min(there or range(len(durations)), key=durations.__getitem__)
