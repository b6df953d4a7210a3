"""One window of a schedule: some tasks are freed, CP-SAT searches, what surrounds them is kept."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from hptc.partition.cpsat import Run, Running
from hptc.partition.decode import Schedule, by_start, retime
from hptc.partition.goal import Measure
from hptc.partition.model import ScheduleModel
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
from hptc.partition.scope import split, window
from hptc.partition.search import Incumbent

SLACK = 2
"""How much longer than meant a window may take by the clock."""

Found = tuple[Mapping[int, int], Mapping[int, int], Mapping[tuple[int, int], int]]
"""Modes and starts of the free tasks, and starts of the transfers of what they make and read."""


class Window:
    """A search of some tasks of the incumbent that are consecutive in the order of start.

    Args:
        search: Holds the incumbent.
        first: Position of the first task.
        size: How many tasks are free.
    """

    def __init__(self, search: Incumbent, first: int, size: int) -> None:
        self._search = search
        instance, schedule = search.instance, search.schedule
        search.charge()
        order = by_start(instance, schedule)
        self._free, self._early = order[first : first + size], order[:first]
        parts = split(instance, schedule, self._free, self._early)
        self._scope = window(instance, schedule, self._free, parts)
        self._horizon = longest(instance, search.objective, schedule.makespan)
        self._found: Found | None = None

    @property
    def can_help(self) -> bool:
        """Whether what is kept leaves room for a better schedule."""
        is_latency = self._search.objective.measure is Measure.LATENCY
        return not is_latency or self._scope.floor < self._horizon

    def start(self, time_s: float, left_s: float) -> None:
        """Let CP-SAT search, for `time_s` s as on an idle machine, of which `left_s` s are left."""
        search = self._search
        horizon = min(self._horizon, 2 * search.schedule.makespan)
        self._model = ScheduleModel(search.instance, self._scope, horizon)
        _minimise(search, self._model)
        self._model.hint(search.schedule)
        longest_s = min(SLACK * time_s, left_s)
        self._running = Running(self._model.model, search.clock, longest_s, work_s=time_s)

    def stop(self) -> None:
        """Ask the search to end soon."""
        self._running.stop()

    def wait(self) -> Run:
        """Return what came of the search."""
        done = self._running.wait()
        if done.found:
            self._found = self._model.read(done.solver)
        return done

    def merged(self, schedule: Schedule) -> Schedule:
        """Return a schedule with what was found, retimed; as it was where that does not fit.

        Args:
            schedule: The incumbent as it was, or one that differs only after the window.
        """
        if self._found is None:
            return schedule
        instance, modes = self._search.instance, list(schedule.modes)
        for task, mode in self._found[0].items():
            modes[task] = mode
        if not instance.admits(modes):
            return schedule
        return retime(instance, self._placed(schedule, modes, self._found))

    def _placed(self, schedule: Schedule, modes: Sequence[int], found: Found) -> Schedule:
        """Put what was found between what came before and what comes after."""
        instance, (_, starts, sends) = self._search.instance, found
        parts = split(instance, schedule, self._free, self._early)
        length = [instance.duration[task][mode] for task, mode in enumerate(modes)]
        shift = schedule.makespan + max(begin + length[task] for task, begin in starts.items())
        start = [
            starts.get(task, begin + shift if task in parts.late else begin)
            for task, begin in enumerate(schedule.start)
        ]
        end = [begin + took for begin, took in zip(start, length, strict=True)]
        later = {key: begin + shift for key, begin in schedule.sends.items()}
        known = later | {key: schedule.sends[key] for key in parts.kept} | dict(sends)
        placed = {}
        at = [instance.device[task][mode] for task, mode in enumerate(modes)]
        for v, value in enumerate(instance.problem.values):
            made = 0 if value.carried else end[value.src]
            for device in {at[reader] for reader in value.readers} - {at[value.src]}:
                placed[v, device] = known.get((v, device), made)
        return Schedule(tuple(modes), tuple(start), tuple(end), placed)


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
    powered = {instance.device[task][mode] for task, mode in enumerate(search.schedule.modes)}
    for task, lits in built.chosen.items():
        for mode, lit in lits.items():
            if instance.device[task][mode] not in powered:
                built.model.add(lit == 0)
    return powered
