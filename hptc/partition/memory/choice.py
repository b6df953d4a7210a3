"""Memory in the choice of modes: what every schedule of a choice has to hold."""

from collections import defaultdict
from collections.abc import Iterable

from ortools.sat.python import cp_model

from hptc.partition.instance import Instance
from hptc.partition.memory.lasting import residents_read, total_bytes
from hptc.partition.memory.model import LARGEST_BYTES

Literals = list[list[cp_model.IntVar]]
"""Of each task, whether it takes each mode."""


def add_lasting_room(instance: Instance, model: cp_model.CpModel, lits: Literals) -> None:
    """Leave room beside what lies on a device throughout for any task that runs there."""
    unit = 1 + total_bytes(instance.problem) // LARGEST_BYTES
    passing = _passing(instance)
    for device, memory in instance.memories.items():
        here = [_on(instance, row, task, device) for task, row in enumerate(lits)]
        lasting: list[cp_model.LinearExpr] = []
        for resident in instance.problem.residents:
            users = [lit for reader in set(resident.readers) for lit in here[reader]]
            lies = _any(model, users)
            lasting.append(resident.bytes // unit * lies)
        for value in instance.problem.values:
            if value.carried:
                lasting += [value.bytes // unit * lit for lit in here[value.src]]
        most = model.new_int_var(0, max(passing, default=0) // unit, "")
        for task, size in enumerate(passing):
            for lit in _on(instance, lits[task], task, device, is_timed=True):
                model.add(most >= size // unit).only_enforce_if(lit)
        model.add(cp_model.LinearExpr.sum([*lasting, most]) <= memory // unit)


def _on(
    instance: Instance,
    row: list[cp_model.IntVar],
    task: int,
    device: int,
    *,
    is_timed: bool = False,
) -> list[cp_model.IntVar]:
    """Return the modes of a task on a device; what takes no time never lies beside its inputs."""
    modes = zip(row, instance.device[task], instance.duration[task], strict=True)
    return [lit for lit, place, time in modes if place == device and (time or not is_timed)]


def _any(model: cp_model.CpModel, users: Iterable[cp_model.IntVar]) -> cp_model.IntVar:
    """Return a literal that holds if one of the others does."""
    found = model.new_bool_var("")
    for lit in users:
        model.add_implication(lit, found)
    return found


def _passing(instance: Instance) -> list[int]:
    """Return what each task needs of values that lie there only for a time."""
    values, lasting = instance.problem.values, defaultdict[int, int](int)
    for task, read in enumerate(residents_read(instance.problem)):
        lasting[task] += sum(instance.problem.residents[r].bytes for r in read)
        own = {*instance.inputs[task], *instance.outputs[task]}
        lasting[task] += sum(values[v].bytes for v in own if values[v].carried)
    return [size - lasting[task] for task, size in enumerate(instance.least_bytes)]
