"""Improving a schedule by CP-SAT windows: free some tasks, keep what surrounds them."""

import random
from collections.abc import Callable, Mapping
from fractions import Fraction

from hptc.partition.cpsat import run
from hptc.partition.decode import Schedule, by_start, decode, decode_by_rank, legal_order, retime
from hptc.partition.goal import Measure
from hptc.partition.instance import Instance
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
from hptc.partition.repeats import Repeats, find_repeats
from hptc.partition.scope import Scope, Split, split, window
from hptc.partition.search import Incumbent

SMALLEST, FIRST_SIZE, LARGEST = 8, 10, 80
"""Sizes of windows, in tasks."""
GROWTH = 1.07
FIRST_S, LONGEST_S = 0.05, 2.0
"""Limits in s of the search of one window, as it should take on an idle machine."""
PROGRESS = 0.005
"""Relative gain of a sweep below which its windows had too little time."""
SLACK = 2
"""How much longer than meant a window may take by the clock."""


def improve(search: Incumbent, until_s: float, between: Callable[[], None]) -> None:
    """Re-optimise windows of the incumbent until the time `until_s` of the clock (in s).

    Windows sweep over the schedule in steps of half their size. The size follows what CP-SAT
    finishes: it grows with each window that is solved and shrinks with each that is not. A sweep
    without success doubles the time of a window. `between` is called before each window.
    """
    rng = random.Random(search.clock.limits.seed)
    repeats = find_repeats(search.instance)
    size, time_s = float(FIRST_SIZE), FIRST_S
    while not search.is_done and search.clock.elapsed_s < until_s:
        before = search.value
        for first in _sweep(search.instance.tasks, int(size), rng):
            if search.is_done or search.clock.elapsed_s >= until_s:
                return
            between()
            known, value = search.schedule, search.value
            outcome = _improve_window(search, first, int(size), time_s, until_s)
            if search.value < value and search.clock.limits.parts.echo:
                _echo(search, repeats, known)
            if outcome is not None:
                size *= GROWTH if outcome else 1 / GROWTH
                size = min(max(size, SMALLEST), LARGEST)
        if search.value > before * (1 - PROGRESS):
            time_s = min(2 * time_s, LONGEST_S)


def _echo(search: Incumbent, repeats: Repeats, known: Schedule) -> None:
    """Where a window moved tasks for the better, move all that are alike, and see."""
    instance, found = search.instance, search.schedule
    modes = instance.settled(repeats.echoed(known.modes, found.modes))
    if modes != list(found.modes) and instance.admits(modes):
        search.offer(decode(instance, modes, legal_order(instance, found.start)), "echo")
        search.offer(decode_by_rank(instance, modes), "echo")


def _sweep(tasks: int, size: int, rng: random.Random) -> list[int]:
    """Return the first positions of windows that cover the schedule, in random order."""
    step = max(1, size // 2)
    firsts = list(range(-rng.randrange(step), max(1, tasks - step), step))
    rng.shuffle(firsts)
    return [max(0, first) for first in firsts]


def _improve_window(
    search: Incumbent, first: int, size: int, time_s: float, until_s: float
) -> bool | None:
    """Search one window; return whether CP-SAT finished it, None if it cannot help."""
    instance, schedule = search.instance, search.schedule
    search.charge()
    order = by_start(instance, schedule)
    free, early = order[first : first + size], order[:first]
    parts = split(instance, schedule, free, early)
    scope = window(instance, schedule, free, parts)
    horizon = longest(instance, search.objective, schedule.makespan)
    if search.objective.measure is Measure.LATENCY and scope.floor >= horizon:
        return None
    built = ScheduleModel(instance, scope, min(horizon, 2 * schedule.makespan))
    _minimise(search, built)
    built.hint(schedule)
    left_s = until_s - search.clock.elapsed_s
    done = run(built.model, search.clock, min(SLACK * time_s, left_s), work_s=time_s)
    if done.found:
        better = _merge(instance, schedule, parts, scope, built.read(done.solver))
        search.offer(better, "window", take_equal=True)
        again = decode(instance, better.modes, legal_order(instance, better.start))
        search.offer(again, "window")
    if done.was_interrupted:
        raise KeyboardInterrupt
    return done.is_proven


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


def _merge(
    instance: Instance,
    schedule: Schedule,
    parts: Split,
    scope: Scope,
    found: tuple[Mapping[int, int], Mapping[int, int], Mapping[tuple[int, int], int]],
) -> Schedule:
    """Put a solved window between what came before and what comes after, and retime."""
    new_modes, new_starts, new_sends = found
    shift = 4 * schedule.makespan
    modes, start = list(schedule.modes), list(schedule.start)
    for task in scope.options:
        modes[task], start[task] = new_modes[task], new_starts[task]
    for task in parts.late:
        start[task] += shift
    values = instance.problem.values
    at = [instance.device[task][mode] for task, mode in enumerate(modes)]
    sends = {key: schedule.sends[key] + shift for key in parts.later}
    for v, device in parts.kept:
        src = values[v].src
        stays = at[src] == instance.device[src][schedule.modes[src]]
        if stays and any(at[reader] == device for reader in values[v].readers):
            sends[v, device] = schedule.sends[v, device]
    end = [begin + instance.duration[t][modes[t]] for t, begin in enumerate(start)]
    raw = Schedule(tuple(modes), tuple(start), tuple(end), sends | dict(new_sends))
    return retime(instance, raw)
