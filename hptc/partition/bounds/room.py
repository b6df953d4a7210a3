"""The part of the relaxation that is about the memory of devices.

What lies on a device throughout has to fit there. And bytes take time: while a task runs, what it
reads and makes lies there, and a value that is sent lies at the far end as long as the transfer
takes, one with a single reader at the near end, too. All of that fits below memory times makespan.
"""

from collections import defaultdict

from hptc.partition.bounds.loads import Relaxation
from hptc.partition.instance import Instance

RESOLUTION = 10**6
"""Sizes enter rows in units of this share of the memory, rounded to the weaker side."""


def add_room(instance: Instance, built: Relaxation) -> None:
    """Keep the memory of every device, as far as shares of tasks tell."""
    if not instance.memories:
        return
    for lits, options in zip(built.chosen, instance.options, strict=True):
        for mode in set(range(len(lits))) - set(options):
            built.rows.upper[lits[mode]] = 0
    _add_lasting(instance, built)
    _add_passing(instance, built)


def _add_lasting(instance: Instance, built: Relaxation) -> None:
    """Residents lie where any reader runs, carried values at home."""
    problem, rows = instance.problem, built.rows
    for device, memory in instance.memories.items():
        unit = 1 + memory // RESOLUTION
        held: dict[int, int] = defaultdict(int)
        for value in problem.values:
            if value.carried and device in built.placed[value.src]:
                held[built.placed[value.src][device]] -= value.bytes // unit
        for resident in problem.residents:
            readers = {built.placed[reader].get(device) for reader in resident.readers} - {None}
            if readers:
                lies = rows.variable(1)
                held[lies] = -(resident.bytes // unit)
                for here in sorted(v for v in readers if v is not None):
                    rows.add({lies: 1, here: -1}, 0)
        if held:
            rows.add(dict(held), -(memory // unit) - 1)


def _add_passing(instance: Instance, built: Relaxation) -> None:
    """What lies there for a time takes no more than memory times makespan."""
    memories = {device: max(1, memory) for device, memory in instance.memories.items()}
    busy: dict[int, dict[int, int]] = {device: defaultdict(int) for device in memories}
    for task, lits in enumerate(built.chosen):
        for mode, lit in enumerate(lits):
            device = instance.device[task][mode]
            if device in busy:
                size = _bytes_of_its_own(instance, task, instance.resource[task][mode])
                time_ns = size * instance.duration[task][mode] // memories[device]
                busy[device][lit] -= time_ns
    for (v, source, target), sent in built.sent.items():
        value = instance.problem.values[v]
        ends = [target]
        if len(set(value.readers)) == 1 and not value.carried:
            ends.append(source)
        for device in ends:
            if device in busy:
                time_ns = instance.send[v][source][target] * value.bytes // memories[device]
                busy[device][sent] -= time_ns
    for load in busy.values():
        built.rows.add({built.makespan: 1} | load, 0, is_time=True)


def _bytes_of_its_own(instance: Instance, task: int, row: int) -> int:
    """Return the bytes that lie on a device for a task while it runs, and for no other then.

    Where tasks run at the same time, they may read the same.
    """
    device, _ = instance.resources[row]
    if instance.problem.devices[device].capacity_crossbars is None and instance.units[row] == 1:
        return instance.least_bytes[task]
    values = instance.problem.values
    made = sum(values[v].bytes for v in instance.outputs[task] if not values[v].carried)
    alone = (v for v in instance.inputs[task] if set(values[v].readers) == {task})
    return made + sum(values[v].bytes for v in alone if values[v].src != task)
