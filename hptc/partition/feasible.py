"""Finding any admissible choice of modes, or the constraint that forbids all of them.

Times play no part: a choice that keeps the capacities and has its links can always be scheduled.
"""

from collections import defaultdict
from itertools import chain

from ortools.sat.python import cp_model

from hptc.errors import InfeasibleError, TimeLimitError
from hptc.partition.cpsat import run
from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.limits import Clock
from hptc.partition.objective import fits
from hptc.partition.problem import Objective

SEARCH_SHARE = 0.2
"""Share of the time limit spent on good modes once some are known to exist."""

Literals = list[list[cp_model.IntVar]]


def find_modes(instance: Instance, clock: Clock) -> list[int]:
    """Return admissible modes of small total time.

    Raises:
        InfeasibleError: there are none; names the constraint at fault.
        TimeLimitError: the time passed first.
    """
    model, lits = _model(instance, capacities=True, links=True)
    first = run(model, clock, clock.left_s)
    if not first.found:
        if first.is_proven:
            raise _fault(instance, clock)
        raise TimeLimitError(
            "partitioner",
            expected="devices for all tasks that keep capacities and links",
            found=f"none in {clock.elapsed_s:.1f} s, and no proof that there are none",
            hint="Raise the time limit.",
        )
    modes = _read(first.solver, lits)
    if fits(instance, Objective.LATENCY):
        flat = [lit for row in lits for lit in row]
        for task, row in enumerate(lits):
            for mode, lit in enumerate(row):
                model.add_hint(lit, modes[task] == mode)
        model.minimize(cp_model.LinearExpr.weighted_sum(flat, list(chain(*instance.duration))))
        second = run(model, clock, SEARCH_SHARE * clock.left_s)
        if second.found:
            modes = _read(second.solver, lits)
    return modes


def _read(solver: cp_model.CpSolver, lits: Literals) -> list[int]:
    return [next(m for m, lit in enumerate(row) if solver.boolean_value(lit)) for row in lits]


def _model(
    instance: Instance, *, capacities: bool, links: bool
) -> tuple[cp_model.CpModel, Literals]:
    """Build one choice per task under the named constraint families."""
    model = cp_model.CpModel()
    lits = [[model.new_bool_var("") for _ in row] for row in instance.device]
    for row in lits:
        model.add_exactly_one(row)
    if capacities:
        _add_capacities(instance, model, lits)
    if links:
        _add_links(instance, model, lits)
    return model, lits


def _add_capacities(instance: Instance, model: cp_model.CpModel, lits: Literals) -> None:
    held = {row: model.new_bool_var("") for row in range(len(instance.resources))}
    for task, row in enumerate(lits):
        for mode, lit in enumerate(row):
            model.add_implication(lit, held[instance.resource[task][mode]])
    for device, capacity in instance.capacities.items():
        load = sum(
            instance.problem.matrices[matrix].crossbars * held[row]
            for row, (place, matrix) in enumerate(instance.resources)
            if place == device and matrix is not None
        )
        model.add(load <= capacity)


def _add_links(instance: Instance, model: cp_model.CpModel, lits: Literals) -> None:
    values, devices = instance.problem.values, instance.device
    barred: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
    for v, value in enumerate(values):
        for reader in value.readers:
            for a, source in enumerate(devices[value.src]):
                for b, device in enumerate(devices[reader]):
                    if instance.send[v][source * instance.devices + device] == NO_LINK:
                        barred[value.src, reader].add((a, b))
    for (src, reader), pairs in barred.items():
        for a, b in pairs:
            model.add_bool_or(lits[src][a].negated(), lits[reader][b].negated())


def _fault(instance: Instance, clock: Clock) -> InfeasibleError:
    """Return the error that names the family whose removal makes the problem feasible."""
    for family, hint in (("capacities", CAPACITY_HINT), ("links", LINK_HINT)):
        families = {"capacities": True, "links": True} | {family: False}
        if run(_model(instance, **families)[0], clock, clock.left_s).found:
            return _error(instance, family, hint)
    return _error(instance, "capacities and links", f"{CAPACITY_HINT} {LINK_HINT}")


CAPACITY_HINT = "Enlarge the crossbar capacity, or allow the tasks on another device."
LINK_HINT = "Add the missing link to the target, or allow the tasks on one common device."


def _error(instance: Instance, family: str, hint: str) -> InfeasibleError:
    names = {
        "capacities": "the crossbar capacity",
        "links": "the links between devices",
        "capacities and links": "the crossbar capacity and the links together",
    }
    limits = ", ".join(
        f"{instance.problem.devices[d].name}: {c} crossbars" for d, c in instance.capacities.items()
    )
    found = f"no such choice for {instance.tasks} tasks" + (f" ({limits})" if limits else "")
    return InfeasibleError(
        "partitioner",
        expected=f"devices for all tasks that keep {names[family]}",
        found=found,
        hint=hint,
    )
