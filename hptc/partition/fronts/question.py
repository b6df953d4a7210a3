"""Questions to CP-SAT about a set of devices: what the best schedule beats, does another one too?

The whole problem goes into one model, with only the devices of the set and a cost below that of the
incumbent. That leaves so little room that CP-SAT often refutes it where it could not prove the
least cost of the problem itself; where it is stopped, its bound on the cost holds all the same.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from hptc.errors import InfeasibleError
from hptc.partition.decode import Schedule
from hptc.partition.fronts.frontier import Frontier, Support
from hptc.partition.fronts.frontiers import Proven
from hptc.partition.goal import Measure, Objective
from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.objective import ENERGY_SCALE, dynamic_energy, headroom, most_energy
from hptc.partition.outcome import NEARLY
from hptc.partition.prepare import prepare
from hptc.partition.restrict import restrict, widened
from hptc.partition.sat.cpsat import Running
from hptc.partition.sat.exact import read_whole, whole_model
from hptc.partition.sat.model import ScheduleModel

MOST_TASKS = 400
"""CP-SAT is not asked about larger problems."""


@dataclass(frozen=True, slots=True)
class Question:
    """Can these devices alone do with less than `below` from `since_ns` to `until_ns`?"""

    devices: frozenset[int]
    since_ns: int
    """No schedule of theirs ends before."""
    until_ns: int
    below: int
    """In 1/1000 pJ; where there is no price, in ns and the next after `until_ns`."""
    price: int | None = None
    """Of a ns beside the dynamic energy, in 1/1000 pJ; None: only the latency counts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What CP-SAT found."""

    schedule: Schedule | None
    """Of the whole problem."""
    bound: int
    """On what the question is about, `below` at most."""
    is_final: bool
    """Whether more time would say no more."""

    def teach(self, proven: Proven, asked: Question) -> None:
        """Add what it says of the devices that were asked."""
        if asked.price is None:
            proven.take(asked.devices, Proven((), self.bound))
        else:
            proven.support(asked.devices, Support(asked.price, self.bound, asked.until_ns))


def question(
    frontier: Frontier, objective: Objective, earliest_ns: int, time_ns: int, energy_pj: float
) -> Question:
    """Return whether a set of devices can beat a schedule of this latency and energy.

    The objective has a latency limit, and the frontier does not exclude a lesser value. Where that
    is a product, all that has less of it lies below the line through the ends of where it may be.
    """
    since_ns = max(earliest_ns, frontier.earliest_ns)
    if objective.measure is Measure.LATENCY:
        most = most_energy(objective) or 0
        return Question(frontier.powered, since_ns, time_ns - 1, most + 1, frontier.power)
    value = objective.value(time_ns, energy_pj) * NEARLY
    first, last = frontier.span(objective, earliest_ns, value)
    if objective.measure is Measure.EDP:
        first, end_ns = max(first, 1), max(last, 1)
        least, price = value / first + value / end_ns, value / (first * end_ns)
    else:
        price = Fraction(objective.price(time_ns, energy_pj))
        least = (Fraction(energy_pj) + price * time_ns) * NEARLY
    power = frontier.power
    return Question(frontier.powered, since_ns, last, _scaled(least), power + _scaled(price))


class Asking:
    """CP-SAT at work on a question, within `time_s` s of the clock.

    Args:
        instance: The whole problem.
        asked: The question.
        clock: Of the whole search.
        time_s: Limit in s.
        climbs: Whether CP-SAT raises the bound step by step: now this, now the other way is faster.
        workers: Threads.
    """

    def __init__(
        self,
        instance: Instance,
        asked: Question,
        clock: Clock,
        time_s: float,
        *,
        climbs: bool = False,
        workers: int = 1,
    ) -> None:
        self.asked = asked
        self._instance = instance
        self._running: Running | None = None
        self._is_impossible = False
        try:
            part = prepare(restrict(instance.problem, asked.devices))
        except InfeasibleError:
            self._is_impossible = True
            return
        if asked.price is None or headroom(part, asked.price / ENERGY_SCALE) >= 1:
            self._built = _model(part, asked)
            self._running = Running(
                self._built.model,
                clock,
                time_s,
                workers=workers,
                is_linear=climbs,
                climbs=climbs,
            )

    @property
    def is_running(self) -> bool:
        """Whether the answer is still to come."""
        return self._running is not None and self._running.is_running

    def stop(self) -> None:
        """Ask for the answer soon."""
        if self._running is not None:
            self._running.stop()

    def answer(self) -> Answer:
        """Wait for the answer."""
        below = self.asked.below
        if self._running is None:
            return Answer(None, below if self._is_impossible else 0, is_final=True)
        done = self._running.wait()
        if done.was_interrupted:
            raise KeyboardInterrupt
        if not done.found:
            return Answer(None, below if done.is_proven else min(done.bound, below), done.is_proven)
        found = read_whole(self._built, done)
        modes = widened(self._instance, self.asked.devices, found.modes)
        return Answer(replace(found, modes=modes), min(done.bound, below), done.is_proven)


def _model(part: Instance, asked: Question) -> ScheduleModel:
    """Return the model of what is in question."""
    built = whole_model(part, asked.until_ns)
    built.model.add(built.makespan >= asked.since_ns)
    if asked.price is None:
        built.model.minimize(built.makespan)
    else:
        cost = dynamic_energy(built) + asked.price * built.makespan
        built.model.add(cost < asked.below)
        built.model.minimize(cost)
    return built


def _scaled(energy_pj: Fraction) -> int:
    return math.floor(ENERGY_SCALE * energy_pj)
