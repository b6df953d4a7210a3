"""Steps that start at regular intervals and overlap: what a steady state is.

Step k does what step 0 does, k periods later, on the same devices: a modulo schedule (B. R. Rau,
*Iterative Modulo Scheduling*, MICRO-27, 1994). A value that is not carried is read in the step that
makes it, a carried one in the next. Every step has values of its own, so that nothing is written
over while a step before still reads it; as many copies of a value lie in memory as are in use at a
time. In crossbars that a value is written into there is but one: the next step writes them when all
tasks of this one have read them.

Without a cycle of values from step to step, and without writes, the least period of a choice of
modes is its largest load: of a device or matrix the time of its tasks over its units, of a link
that of its transfers (Rau's ResMII). Laid out one after the other round the circle of a period, in
any order, the tasks of each fill it without a gap, and what has to wait for another does so for
whole periods. A cycle takes at least its time over the steps it spans (RecMII).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hptc.errors import UsageError
from hptc.partition.goal import Measure, Objective
from hptc.partition.problem import Assignment, Status, relative_gap

MOST_STEPS = 1 << 16
"""Most micro-batches of a step."""


@dataclass(frozen=True, slots=True)
class Periodic:
    """Step 0 of a steady state, and the time in ns from the start of a step to that of the next."""

    period_ns: int
    """At least 1."""
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class PeriodicSolution:
    """A steady state with what is proven of its period."""

    periodic: Periodic
    lower_bound_ns: int
    """Proven bound on the period of every steady state."""
    status: Status
    wall_s: float

    @property
    def gap(self) -> float:
        """Relative distance of the period from its bound."""
        return relative_gap(self.periodic.period_ns, self.lower_bound_ns)


def check_count(goal: Objective, count: int, others: Mapping[str, bool]) -> int:
    """Return the number of micro-batches that overlap; raises UsageError if it makes no sense.

    Args:
        goal: The objective `period` is of several.
        count: Of `--micro-batches`.
        others: Options that do not go with that objective, and whether they are given.
    """
    is_period = goal.measure is Measure.PERIOD
    least = 2 if is_period else 1
    if not least <= count <= MOST_STEPS:
        raise UsageError(
            "--micro-batches",
            expected=f"{least} to {MOST_STEPS} micro-batches",
            found=str(count),
            hint="Say how many a step has: --micro-batches 16." if is_period else "",
        )
    for option, is_given in others.items():
        if is_period and is_given:
            raise UsageError(
                f"--objective period {option}",
                expected="micro-batches that overlap alone",
                found=option,
                hint="Leave it out, or choose another objective.",
            )
    return count
