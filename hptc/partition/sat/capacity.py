"""The crossbars of spatial devices in the CP-SAT model of a scope."""

from collections import defaultdict
from collections.abc import Mapping

from ortools.sat.python import cp_model

from hptc.partition.instance import Instance
from hptc.partition.sat.scope import Scope


def add_capacities(
    model: cp_model.CpModel,
    instance: Instance,
    scope: Scope,
    chosen: Mapping[int, Mapping[int, cp_model.IntVar]],
) -> None:
    """Keep the crossbars of the distinct matrices used on a device within its capacity.

    Args:
        model: Takes the constraints.
        instance: The whole problem.
        scope: The rows that tasks which are not free use.
        chosen: Whether each free task takes each mode.
    """
    for device, capacity in instance.capacities.items():
        users: dict[int, list[cp_model.IntVar]] = defaultdict(list)
        taken = {row for row in scope.held if instance.resources[row][0] == device}
        for task, lits in chosen.items():
            for mode, lit in lits.items():
                if instance.device[task][mode] == device:
                    users[instance.resource[task][mode]].append(lit)
        used = sum(_crossbars(instance, row) for row in taken)
        load: list[cp_model.LinearExprT] = []
        for row in users.keys() - taken:
            held = model.new_bool_var("")
            for lit in users[row]:
                model.add_implication(lit, held)
            load.append(_crossbars(instance, row) * held)
        model.add(sum(load) <= capacity - used)


def _crossbars(instance: Instance, row: int) -> int:
    matrix = instance.resources[row][1]
    return 0 if matrix is None else instance.problem.matrices[matrix].crossbars
