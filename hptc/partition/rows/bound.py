"""A bound over all tilings: on every schedule of every way to cut a problem into chunks of rows.

Whatever the chunks, those of a task take at least its rows at the least price of a row; in this way
devices and matrices share the tasks, in any order (`relax.loads`).

Tasks are in time where one needs all rows of another: a wait. Along a chain of waits (a1 before r1,
which leads to a2 before r2, ...) no chunk of what follows r1 starts before the last of a1 ends, and
each chunk of what leads to a2 ends before the last of a2 does. So what follows r1 and leads to a2
takes place between these two moments, and such stages follow one another. What a device does in
the middle of a stage leaves time for one chunk of all that leads to it and follows (`inside`).
"""

from dataclasses import dataclass, replace

from hptc.partition.bounds.loads import Relaxation, add_loads, loads
from hptc.partition.bounds.lp import Optimum, solved
from hptc.partition.bounds.rounding import rounded
from hptc.partition.fronts.frontiers import Frontiers, nothing_proven
from hptc.partition.goal import Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.objective import latest_end
from hptc.partition.prepare import prepare
from hptc.partition.problem import Mode, Task
from hptc.partition.rows.inside import spans_inside
from hptc.partition.rows.problem import RowProblem
from hptc.partition.rows.stages import stages


@dataclass(frozen=True, slots=True)
class TilingBound:
    """What is proven of all schedules of all tilings, and what the proof looks like."""

    lower_bound_ns: int
    lower_bound: float
    """On the objective, in its unit."""
    choices: tuple[tuple[int, ...], ...]
    """Modes of all tasks that are near the solution of the relaxation."""


@dataclass(frozen=True, slots=True)
class Eased:
    """A problem with each task at the least that its chunks take together."""

    instance: Instance
    stages: tuple[tuple[int, ...], ...]
    """Tasks of which none starts before all of the stage before have ended."""
    cut: frozenset[int]
    """The tasks that can be cut."""
    least_ns: tuple[int, ...]
    """What one chunk of each task takes at least."""

    def relaxation(self) -> Relaxation:
        """Build the rows that every schedule of every tiling keeps, without a cost."""
        instance = self.instance
        devices = instance.problem.devices
        units = [devices[device].count for device, _ in instance.resources]
        built = loads(instance, latest_end(instance), units)
        rows = built.rows
        horizon = rows.upper[built.makespan]
        spans = [rows.variable(horizon, is_time=True) for _ in self.stages]
        for span, stage in zip(spans, self.stages, strict=True):
            add_loads(instance, built, span, stage, units)
            for inside, around_ns in spans_inside(instance, stage, self.least_ns):
                add_loads(instance, built, span, inside, units, around_ns)
            for task in stage:
                if task not in self.cut:
                    self._end_within(built, task, span)
        rows.add({built.makespan: 1} | dict.fromkeys(spans, -1), 0, is_time=True)
        return built

    def _end_within(self, built: Relaxation, task: int, span: int) -> None:
        """A task that stays whole takes no longer than its stage."""
        modes = zip(built.chosen[task], self.instance.duration[task], strict=True)
        built.rows.add({span: 1} | {lit: -length for lit, length in modes}, 0, is_time=True)


def tiling_bound(problem: RowProblem, objective: Objective, clock: Clock) -> TilingBound:
    """Return bounds on the makespan and on the objective of every schedule of every tiling.

    Raises:
        InfeasibleError, ProblemError: as `hptc.partition.prepare.prepare` says.
    """
    least = eased(problem)
    relaxed = least.relaxation()
    relaxed.minimise_makespan()
    optimum = solved(relaxed.rows, clock)
    bound_ns = 0 if optimum is None else optimum.bound
    if objective.is_makespan or optimum is None:
        return TilingBound(bound_ns, bound_ns, _choices(least.instance, relaxed, optimum))
    frontiers = Frontiers(objective, nothing_proven(least.instance))
    while (query := frontiers.next_query(bound_ns)) is not None:
        asked = least.relaxation()
        asked.minimise_energy(least.instance, query.powered, query.price)
        found = solved(asked.rows, clock)
        if found is None:
            break
        relaxed, optimum = asked, found
        frontiers.learn(query, found.bound, found.values[asked.makespan] * found.scale)
    return TilingBound(
        bound_ns, frontiers.bound(bound_ns), _choices(least.instance, relaxed, optimum)
    )


def _choices(
    instance: Instance, relaxed: Relaxation, optimum: Optimum | None
) -> tuple[tuple[int, ...], ...]:
    if optimum is None:
        return ()
    schedules = rounded(instance, relaxed, optimum.values)
    return tuple(dict.fromkeys(schedule.modes for schedule in schedules))


def eased(problem: RowProblem) -> Eased:
    """Return the relaxation of all tilings of a problem.

    Raises:
        InfeasibleError, ProblemError: as `hptc.partition.prepare.prepare` says.
    """
    tasks = tuple(_eased(problem, position) for position in range(len(problem.whole.tasks)))
    instance = prepare(replace(problem.whole, tasks=tasks))
    cut = frozenset(position for position, sizes in problem.modes.items() if sizes)
    parted = tuple(stages(instance, _waits(instance, problem, cut)))
    return Eased(instance, parted, cut, tuple(_least_ns(problem, t) for t in range(len(tasks))))


def _least_ns(problem: RowProblem, position: int) -> int:
    """Return what the whole of a task or any one chunk takes at least, in its fastest mode."""
    chunks = problem.modes.get(position, {}).values()
    offered = (problem.whole.tasks[position].modes, *chunks)
    return min(mode.duration_ns for modes in offered for mode in modes)


def _eased(problem: RowProblem, position: int) -> Task:
    """Return a task with the least time and energy of its rows, in each of its modes."""
    task = problem.whole.tasks[position]
    sizes = problem.modes.get(position, {})

    def least(mode: int, whole: Mode) -> Mode:
        chunks = [(found[mode], size) for size, found in sizes.items()]
        durations = (part.duration_ns * problem.rows // size for part, size in chunks)
        energies = (part.energy_pj * problem.rows // size for part, size in chunks)
        return replace(
            whole,
            duration_ns=min((whole.duration_ns, *durations)),
            energy_pj=min((whole.energy_pj, *energies)),
        )

    return replace(task, modes=tuple(least(i, mode) for i, mode in enumerate(task.modes)))


def _waits(instance: Instance, problem: RowProblem, cut: frozenset[int]) -> list[tuple[int, int]]:
    """Return (task, reader) pairs of which the reader needs all rows of the task."""
    found = {
        (task, reader): None
        for task in instance.order
        for v, reader in instance.successors[task]
        if reader != task and not (task in cut and reader in cut and (v, reader) in problem.streams)
    }
    return list(found)
