"""Identical processors without communication: tasks share a pool of interchangeable machines.

Choosing among identical machines is only a symmetry, so the model counts how many tasks run at a
time and the machines are dealt out afterwards, by start.
"""

import heapq

from ortools.sat.python import cp_model

from hptc.partition.decode import Schedule
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.sat.cpsat import run
from hptc.partition.sat.exact import Proof
from hptc.partition.search import Incumbent


def is_pool(instance: Instance, objective: Objective) -> bool:
    """Return whether all devices are unary, identical and connected for free.

    Tasks without length must be first or last: one in the midst needs a machine that is idle then,
    which a count of running tasks does not see.
    """
    if not objective.is_makespan or not instance.is_complete:
        return False
    devices = instance.problem.devices
    if (
        not devices
        or instance.groups
        or instance.memories
        or any(device.capacity_crossbars is not None or device.count > 1 for device in devices)
    ):
        return False
    for task, durations in enumerate(instance.duration):
        if not durations[0] and instance.inputs[task] and instance.outputs[task]:
            return False
    everywhere = tuple(range(instance.devices))
    return all(
        tuple(sorted(row)) == everywhere and len(set(durations)) == 1
        for row, durations in zip(instance.device, instance.duration, strict=True)
    ) and not any(instance.longest_sends)


def prove_pool(search: Incumbent, time_s: float, workers: int) -> Proof:
    """Search a pool problem from the incumbent for at most `time_s` s."""
    instance, hint = search.instance, search.schedule
    model = cp_model.CpModel()
    makespan = model.new_int_var(search.bound_ns, hint.makespan, "makespan")
    start, spans, demands = [], [], []
    for task, ((length, *_), begin) in enumerate(zip(instance.duration, hint.start, strict=True)):
        variable = model.new_int_var(0, hint.makespan, "")
        start.append(variable)
        if not length:
            model.add(variable == (makespan if instance.inputs[task] else 0))
            continue
        model.add(variable + length <= makespan)
        model.add_hint(variable, begin)
        spans.append(model.new_fixed_size_interval_var(variable, length, ""))
        demands.append(1)
    for task, follows in enumerate(instance.successors):
        for reader in dict.fromkeys(reader for _, reader in follows):
            model.add(start[reader] >= start[task] + instance.duration[task][0])
    model.add_cumulative(spans, demands, instance.devices)
    model.add_hint(makespan, hint.makespan)
    model.minimize(makespan)
    done = run(model, search.clock, time_s, workers=workers, report=search.reporter(1))
    schedule = None
    if done.found:
        schedule = deal(instance, [done.solver.value(variable) for variable in start])
    is_optimal = done.is_proven and done.found and search.clock.limits.gap <= 0
    return Proof(schedule, done.bound, is_optimal, done.was_interrupted)


def deal(instance: Instance, start: list[int]) -> Schedule:
    """Give each task a machine that is free at its start."""
    order = sorted(range(instance.tasks), key=lambda t: (start[t], instance.duration[t][0]))
    free = [(0, device) for device in range(instance.devices)]
    heapq.heapify(free)
    modes = [0] * instance.tasks
    for task in order:
        _, device = heapq.heappop(free)
        modes[task] = instance.mode_on[task][device]
        heapq.heappush(free, (start[task] + instance.duration[task][0], device))
    end = [begin + instance.duration[t][0] for t, begin in enumerate(start)]
    at = [instance.device[t][mode] for t, mode in enumerate(modes)]
    sends = {
        (v, at[reader]): 0 if value.carried else end[value.src]
        for v, value in enumerate(instance.problem.values)
        for reader in value.readers
        if at[reader] != at[value.src]
    }
    return Schedule(tuple(modes), tuple(start), tuple(end), sends)
