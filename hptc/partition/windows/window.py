"""One window of a schedule: some tasks are freed, CP-SAT searches, what surrounds them is kept."""

from fractions import Fraction

from hptc.partition.goal import Measure
from hptc.partition.memory.model import add_memory
from hptc.partition.objective import (
    ENERGY_SCALE,
    dynamic_energy,
    dynamic_energy_of,
    largest_price,
    longest,
    priced_time,
    static_energy,
    static_power,
)
from hptc.partition.sat.cpsat import Run, Running
from hptc.partition.sat.model import ScheduleModel
from hptc.partition.search import Incumbent
from hptc.partition.windows.frame import Frame
from hptc.partition.windows.splice import Found
from hptc.partition.windows.surroundings import Surroundings

SLACK = 2
"""How much longer than meant a window may take by the clock."""


class Window:
    """A search of some tasks of a schedule that are consecutive in the order of start.

    Args:
        search: Holds the schedule as its incumbent.
        around: The schedule.
        first: Position of the first task.
        size: How many tasks are free.
    """

    def __init__(self, search: Incumbent, around: Surroundings, first: int, size: int) -> None:
        self._search = search
        self._span = around.span(first, size)
        scope = Frame(around, self._span).scope()
        horizon = longest(search.instance, search.objective, search.schedule.makespan)
        self.can_help = search.objective.measure is not Measure.LATENCY or scope.floor < horizon
        """Whether what is kept leaves room for a better schedule."""
        if self.can_help:
            horizon = min(horizon, 2 * search.schedule.makespan)
            self._model = ScheduleModel(search.instance, scope, horizon)
            if search.instance.memories:
                add_memory(self._model, horizon, around.schedule)
            _minimise(search, self._model)
            self._model.hint(search.schedule)

    def start(self, time_s: float, left_s: float) -> None:
        """Let CP-SAT search, for `time_s` s as on an idle machine, of which `left_s` s are left."""
        longest_s = min(SLACK * time_s, left_s)
        model, clock = self._model.model, self._search.clock
        is_brief = self._search.objective.is_makespan
        self._running = Running(model, clock, longest_s, work_s=time_s, is_brief=is_brief)

    def stop(self) -> None:
        """Ask the search to end soon."""
        self._running.stop()

    def wait(self) -> tuple[Run, Found | None]:
        """Return what came of the search, and what it found."""
        done, search = self._running.wait(), self._search
        if not done.found:
            return done, None
        makespan_ns = done.solver.value(self._model.makespan)
        is_gain = not search.objective.is_makespan or makespan_ns < search.schedule.makespan
        return done, Found(self._span, *self._model.read(done.solver), is_gain)


def _minimise(search: Incumbent, built: ScheduleModel) -> None:
    """Set the objective; where energies count, the devices powered now stay the only ones.

    An energy limit leaves to the window what it takes now and what is left up to the limit.
    """
    objective, schedule = search.objective, search.schedule
    if objective.is_makespan:
        built.model.minimize(built.makespan)
        return
    powered = _keep_powered(search, built)
    energy = dynamic_energy(built) + static_energy(built, powered)
    if objective.energy_limit_pj is not None:
        left = ENERGY_SCALE * (Fraction(objective.energy_limit_pj) - Fraction(search.energy_pj))
        static = sum(static_power(search.instance, device) for device in powered)
        now = dynamic_energy_of(built, schedule) + static * schedule.makespan
        built.model.add(energy <= now + int(left))
    if objective.measure is Measure.LATENCY:
        built.model.minimize(built.makespan)
    else:
        price = objective.price(schedule.makespan, search.energy_pj)
        price = min(price, largest_price(search.instance))
        built.model.minimize(energy + priced_time(built, price))


def _keep_powered(search: Incumbent, built: ScheduleModel) -> set[int]:
    """Bar the devices that no task uses now; return the others."""
    instance = search.instance
    powered = set(instance.places(search.schedule.modes))
    for task, lits in built.chosen.items():
        for mode, lit in lits.items():
            if instance.device[task][mode] not in powered:
                built.model.add(lit == 0)
    return powered
