"""The crossbars of spatial devices in CP-SAT models."""

from collections import defaultdict
from collections.abc import Mapping, Set

from ortools.sat.python import cp_model

from hptc.partition.instance import Instance


def add_capacities(
    model: cp_model.CpModel,
    instance: Instance,
    chosen: Mapping[int, Mapping[int, cp_model.IntVar]],
    held: Set[int] = frozenset(),
) -> None:
    """Keep the crossbars of the distinct matrices used on a device within its capacity.

    Args:
        model: Takes the constraints.
        instance: The whole problem.
        chosen: Whether each free task takes each mode.
        held: The rows that other tasks use.
    """
    for device, capacity in instance.capacities.items():
        users: dict[int, list[cp_model.IntVar]] = defaultdict(list)
        taken = {row for row in held if instance.resources[row][0] == device}
        for task, lits in chosen.items():
            for mode, lit in lits.items():
                if instance.device[task][mode] == device:
                    users[instance.resource[task][mode]].append(lit)
        used = sum(instance.crossbars_of(row) for row in taken)
        load: list[cp_model.LinearExprT] = []
        for row in users.keys() - taken:
            lies = model.new_bool_var("")
            for lit in users[row]:
                model.add_implication(lit, lies)
            load.append(instance.crossbars_of(row) * lies)
        model.add(sum(load) <= capacity - used)
