"""A bound over all tilings: on every schedule of every way to cut a problem into chunks of rows.

Whatever the chunks, those of a task take at least its rows at the least price of a row; in this way
devices and matrices share the tasks, in any order (`bounds.loads`). That is solved first, and soon.
Then tasks also wait for one another, and more chunks are more work, but shorter ones (`waits`).
"""

from dataclasses import dataclass, replace

from hptc.partition.bounds.loads import Relaxation, loads
from hptc.partition.bounds.lp import Optimum, solved
from hptc.partition.bounds.rounding import rounded
from hptc.partition.fronts.frontiers import Frontiers, nothing_proven
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock
from hptc.partition.objective import latest_end
from hptc.partition.prepare import prepare
from hptc.partition.problem import Mode, Task
from hptc.partition.rows.problem import RowProblem
from hptc.partition.rows.waits import add_waits


@dataclass(frozen=True, slots=True)
class TilingBound:
    """What is proven of all schedules of all tilings, and what the proof looks like."""

    lower_bound_ns: int
    lower_bound: float
    """On the objective, in its unit."""
    choices: tuple[tuple[int, ...], ...]
    """Modes of all tasks that are near the solution of the relaxation."""


def tiling_bound(problem: RowProblem, objective: Objective, clock: Clock) -> TilingBound:
    """Return bounds on the makespan and on the objective of every schedule of every tiling.

    Raises:
        InfeasibleError, ProblemError: as `hptc.partition.prepare.prepare` says.
    """
    easing = Easing(problem)
    bound_ns, choices = 0, tuple[tuple[int, ...], ...]()
    for waits in (False, True):
        relaxed = easing.relaxation(waits=waits)
        relaxed.minimise_makespan()
        optimum = solved(relaxed.rows, clock)
        if optimum is None:
            break
        bound_ns = max(bound_ns, optimum.bound)
        choices = easing.choices(relaxed, optimum)
    if objective.is_makespan or not bound_ns:
        return TilingBound(bound_ns, bound_ns, choices)
    frontiers = Frontiers(objective, nothing_proven(easing.instance))
    while (query := frontiers.next_query(bound_ns, loads_first=True)) is not None:
        relaxed = easing.relaxation(waits=query.has_values)
        relaxed.minimise_energy(easing.instance, query.powered, query.price)
        optimum = solved(relaxed.rows, clock)
        if optimum is None:
            break
        choices = easing.choices(relaxed, optimum)
        frontiers.learn(query, optimum.bound, optimum.values[relaxed.makespan] * optimum.scale)
    return TilingBound(bound_ns, frontiers.bound(bound_ns), choices)


class Easing:
    """The relaxations of all tilings of a problem.

    Raises:
        InfeasibleError, ProblemError: as `hptc.partition.prepare.prepare` says.
    """

    def __init__(self, problem: RowProblem) -> None:
        self._problem = problem
        tasks = tuple(_eased(problem, position) for position in range(len(problem.whole.tasks)))
        self.instance = prepare(replace(problem.whole, tasks=tasks))
        """Each task at the least that its rows take in each mode."""
        self._latest_ns = latest_end(prepare(problem.whole))

    def relaxation(self, *, waits: bool) -> Relaxation:
        """Build the rows that every schedule of every tiling keeps, without a cost.

        Args:
            waits: Whether tasks wait for one another.
        """
        devices = self._problem.whole.devices
        units = [devices[device].count for device, _ in self.instance.resources]
        built = loads(self.instance, self._latest_ns, units)
        if waits:
            add_waits(self._problem, self.instance, built)
        return built

    def choices(self, relaxed: Relaxation, optimum: Optimum) -> tuple[tuple[int, ...], ...]:
        """Return modes of all tasks that are near the solution of a relaxation."""
        schedules = rounded(self.instance, relaxed, optimum.values)
        return tuple(dict.fromkeys(schedule.modes for schedule in schedules))


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
