"""Finding any admissible choice of modes, or the constraint that forbids all of them.

Times play no part: a choice that keeps groups and capacities and has its links can always be
scheduled, but for memory: of that only what does not depend on the sequence is asked for.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

from ortools.sat.python import cp_model

from hptc.errors import InfeasibleError, TimeLimitError
from hptc.partition.goal import Objective
from hptc.partition.instance import NO_LINK, Instance
from hptc.partition.limits import Clock
from hptc.partition.memory.choice import Literals, add_lasting_room
from hptc.partition.objective import fits
from hptc.partition.sat.capacity import add_capacities
from hptc.partition.sat.cpsat import run

SEARCH_SHARE = 0.2
"""Share of the time limit spent on good modes once some are known to exist."""


def find_modes(instance: Instance, clock: Clock) -> list[int]:
    """Return admissible modes of small total time.

    Raises:
        InfeasibleError: there are none; names the constraint at fault.
        TimeLimitError: the time passed first.
    """
    model, lits = choice_model(instance)
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
    modes = read_choices(first.solver, lits)
    if fits(instance, Objective.LATENCY):
        flat = [lit for row in lits for lit in row]
        for task, row in enumerate(lits):
            for mode, lit in enumerate(row):
                model.add_hint(lit, modes[task] == mode)
        model.minimize(cp_model.LinearExpr.weighted_sum(flat, list(chain(*instance.duration))))
        second = run(model, clock, SEARCH_SHARE * clock.left_s)
        if second.found:
            modes = read_choices(second.solver, lits)
    return modes


def read_choices(solver: cp_model.CpSolver, lits: Literals) -> list[int]:
    """Return the mode of each task that a search of a model of choices found."""
    return [next(m for m, lit in enumerate(row) if solver.boolean_value(lit)) for row in lits]


def choice_model(
    instance: Instance, *, without: str | None = None
) -> tuple[cp_model.CpModel, Literals]:
    """Build one choice of a mode per task under all constraint families, or all but one."""
    model = cp_model.CpModel()
    lits = [[model.new_bool_var("") for _ in row] for row in instance.device]
    for row, options in zip(lits, instance.options, strict=True):
        model.add_exactly_one(row)
        if without != "groups":
            model.add_bool_or(row[mode] for mode in options)
    add = {
        "capacities": _add_capacities,
        "links": _add_links,
        "groups": _add_groups,
        "memory": add_lasting_room,
    }
    for family, constrain in add.items():
        if family != without:
            constrain(instance, model, lits)
    return model, lits


def _add_capacities(instance: Instance, model: cp_model.CpModel, lits: Literals) -> None:
    add_capacities(model, instance, {task: dict(enumerate(row)) for task, row in enumerate(lits)})


def _add_groups(instance: Instance, model: cp_model.CpModel, lits: Literals) -> None:
    for first, *others in instance.groups:
        for other in others:
            for device in {*instance.device[first], *instance.device[other]}:
                here, there = (
                    [lit for lit, d in zip(lits[t], instance.device[t], strict=True) if d == device]
                    for t in (first, other)
                )
                model.add(sum(here) == sum(there))


def _add_links(instance: Instance, model: cp_model.CpModel, lits: Literals) -> None:
    values, devices = instance.problem.values, instance.device
    barred: dict[tuple[int, int], set[tuple[int, int]]] = defaultdict(set)
    for v, value in enumerate(values):
        for reader in value.readers:
            for a, source in enumerate(devices[value.src]):
                for b, device in enumerate(devices[reader]):
                    if instance.send[v][source][device] == NO_LINK:
                        barred[value.src, reader].add((a, b))
    for (src, reader), pairs in barred.items():
        for a, b in pairs:
            model.add_bool_or(lits[src][a].negated(), lits[reader][b].negated())


def _fault(instance: Instance, clock: Clock) -> InfeasibleError:
    """Return the error that names the families each of whose removal makes the problem feasible."""
    limited = {
        "capacities": bool(instance.capacities),
        "links": not instance.is_complete,
        "groups": bool(instance.groups),
        "memory": bool(instance.memories),
    }
    guilty = [
        family
        for family, is_limited in limited.items()
        if is_limited and run(choice_model(instance, without=family)[0], clock, clock.left_s).found
    ]
    return _error(instance, guilty or [family for family, found in limited.items() if found])


NAMES = {
    "capacities": "the crossbar capacity",
    "links": "the links between devices",
    "groups": "the colocation of groups",
    "memory": "memory for what lies there throughout and for each task",
}
UNITS = {"capacities": "crossbars", "memory": "bytes"}
HINTS = {
    "capacities": "Enlarge the crossbar capacity, or allow the tasks on another device.",
    "links": "Add the missing link to the target, or allow the tasks on one common device.",
    "groups": "Take a group apart.",
    "memory": "Enlarge memory_bytes, or allow tasks on another device.",
}


def _error(instance: Instance, families: Sequence[str]) -> InfeasibleError:
    sizes = {"capacities": instance.capacities, "memory": instance.memories}
    limits = ", ".join(
        f"{instance.problem.devices[device].name}: {size} {UNITS[family]}"
        for family in families
        for device, size in sizes.get(family, {}).items()
    )
    found = f"no such choice for {instance.tasks} tasks" + (f" ({limits})" if limits else "")
    return InfeasibleError(
        "partitioner",
        expected=f"devices for all tasks that keep {' and '.join(NAMES[f] for f in families)}",
        found=found,
        hint=" ".join(HINTS[family] for family in families),
    )
