"""Comparing two problems without solving either."""

from dataclasses import replace

from hptc.partition.problem import Device, Link, Problem, Task, Value, matrix_name


def is_harder(problem: Problem, known: Problem) -> bool:
    """Return whether every answer to `problem` is one to `known` too, in no more time or energy.

    Then no answer to `problem` can beat the optimum of `known`. Only problems with the same values,
    residents, groups, links and devices are compared; False says nothing.
    """
    sizes = len(problem.devices), len(problem.links), len(problem.tasks)
    if sizes != (len(known.devices), len(known.links), len(known.tasks)):
        return False
    if (problem.residents, problem.together) != (known.residents, known.together):
        return False
    if len(problem.values) != len(known.values):
        return False
    held = {(matrix.device, matrix.name): matrix.crossbars for matrix in known.matrices}
    return (
        all(map(_is_poorer, problem.devices, known.devices))
        and all(map(_is_heavier, problem.values, known.values))
        and all(map(_is_slower, problem.links, known.links))
        and all(
            matrix.crossbars >= held.get((matrix.device, matrix.name), 0)
            for matrix in problem.matrices
        )
        and all(
            _is_costlier(task, problem, before, known)
            for task, before in zip(problem.tasks, known.tasks, strict=True)
        )
    )


def _is_poorer(device: Device, known: Device) -> bool:
    if (device.capacity_crossbars is None) != (known.capacity_crossbars is None):
        return False
    fewer = (device.capacity_crossbars or 0) <= (known.capacity_crossbars or 0)
    memory, before = device.memory_bytes, known.memory_bytes
    less = before is None or (memory is not None and memory <= before)
    return (
        fewer
        and less
        and device.count <= known.count
        and device.static_power_pj_per_ns >= known.static_power_pj_per_ns
    )


def _is_slower(link: Link, known: Link) -> bool:
    return (
        (link.src, link.dst) == (known.src, known.dst)
        and link.bandwidth_bytes_per_ns <= known.bandwidth_bytes_per_ns
        and link.latency_ns >= known.latency_ns
        and link.energy_pj_per_byte >= known.energy_pj_per_byte
    )


def _is_heavier(value: Value, known: Value) -> bool:
    """Whether a value is the same, and takes no less to write anywhere."""
    pairs = [(write, known.written(write.device)) for write in value.writes]
    return (
        replace(value, writes=()) == replace(known, writes=())
        and {write.device for write in known.writes} <= {write.device for write, _ in pairs}
        and all(w.duration_ns >= k.duration_ns and w.energy_pj >= k.energy_pj for w, k in pairs)
    )


def _is_costlier(task: Task, problem: Problem, known_task: Task, known: Problem) -> bool:
    """Whether every mode of a task is one of the known task's, and costs no less.

    Nor may it run again where the known one may not.
    """
    before = {(mode.device, matrix_name(known, mode)): mode for mode in known_task.modes}
    pairs = [(mode, before.get((mode.device, matrix_name(problem, mode)))) for mode in task.modes]
    return task.recompute <= known_task.recompute and all(
        was is not None and mode.duration_ns >= was.duration_ns and mode.energy_pj >= was.energy_pj
        for mode, was in pairs
    )
