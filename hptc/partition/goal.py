"""What a schedule is asked for: the objective that is minimised, and the limits it keeps."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from typing import ClassVar

from hptc.errors import UsageError
from hptc.units import PJ_PER_NJ

LARGEST_WEIGHT = 1e30
"""Weights between it and its inverse leave prices and values of an answer within a float."""

CHOICES = "latency, energy, edp, weighted:latency=A,energy=B or period"


class Measure(Enum):
    """What is minimised."""

    LATENCY = "latency"
    """ns"""
    ENERGY = "energy"
    """pJ"""
    EDP = "edp"
    """Energy times delay, ns pJ."""
    WEIGHTED = "weighted"
    """A weight per ns times the latency plus a weight per nJ times the energy."""
    PERIOD = "period"
    """ns from step to step where steps overlap, as `hptc.partition.period.solve` finds them. One
    step by itself counts by its latency."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What is minimised, among the schedules that keep the limits.

    Args:
        measure: Of a schedule.
        latency_weight: Per ns, where the measure is weighted.
        energy_weight: Per nJ, where the measure is weighted.
        latency_limit_ns: No schedule may take longer.
        energy_limit_pj: No schedule may take more.

    Raises:
        UsageError: A weight is not positive, or huge, a limit negative, or set beside the period.
    """

    LATENCY: ClassVar["Objective"]
    ENERGY: ClassVar["Objective"]
    EDP: ClassVar["Objective"]
    PERIOD: ClassVar["Objective"]

    measure: Measure
    latency_weight: float = 1.0
    energy_weight: float = 1.0
    latency_limit_ns: int | None = None
    energy_limit_pj: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        for weight in (self.latency_weight, self.energy_weight):
            if not 1 / LARGEST_WEIGHT <= weight <= LARGEST_WEIGHT:
                wanted = f"positive weights up to {LARGEST_WEIGHT:.0e}"
                raise UsageError("--objective weighted", expected=wanted, found=str(weight))
        for option, limit in (
            ("--latency-limit", self.latency_limit_ns),
            ("--energy-limit", self.energy_limit_pj),
        ):
            if limit is not None and not 0 <= limit < math.inf:
                raise UsageError(option, expected="a number of at least 0", found=str(limit))
            if limit is not None and self.measure is Measure.PERIOD:
                raise UsageError(
                    option, expected="no limit on steps that overlap", found=str(limit)
                )

    @property
    def is_makespan(self) -> bool:
        """Whether energies play no part."""
        return self.measure is Measure.LATENCY and self.energy_limit_pj is None

    @property
    def text(self) -> str:
        """The measure, as `parse_objective` reads it."""
        if self.measure is not Measure.WEIGHTED:
            return str(self.measure.value)
        latency, energy = map(_shortest, (self.latency_weight, self.energy_weight))
        return f"weighted:latency={latency},energy={energy}"

    def value(self, time_ns: Fraction | int, energy_pj: Fraction | float) -> Fraction:
        """Return the measure of a schedule, exactly."""
        energy = Fraction(energy_pj)
        match self.measure:
            case Measure.LATENCY | Measure.PERIOD:
                return Fraction(time_ns)
            case Measure.ENERGY:
                return energy
            case Measure.EDP:
                return time_ns * energy
            case Measure.WEIGHTED:
                latency = Fraction(self.latency_weight) * time_ns
                return latency + Fraction(self.energy_weight) * energy / Fraction(PJ_PER_NJ)

    def price(self, time_ns: float, energy_pj: float) -> float:
        """Return how many pJ a ns is worth to a schedule that takes this latency and energy.

        A schedule with less of `energy + price * latency` has less of the measure too: for the
        product by the inequality of arithmetic and geometric means.
        """
        match self.measure:
            case Measure.WEIGHTED:
                return PJ_PER_NJ * self.latency_weight / self.energy_weight
            case Measure.EDP:
                return energy_pj / time_ns if time_ns else 0.0
            case _:
                return 0.0

    def within(self, time_ns: int) -> int:
        """Return a time in ns, or the limit where that is less."""
        return time_ns if self.latency_limit_ns is None else min(time_ns, self.latency_limit_ns)

    def admits(self, time_ns: int, energy_pj: float) -> bool:
        """Return whether a schedule keeps the limits."""
        if self.latency_limit_ns is not None and time_ns > self.latency_limit_ns:
            return False
        return self.energy_limit_pj is None or energy_pj <= self.energy_limit_pj

    def to_json(self) -> dict[str, object]:
        """Return measure and limits as JSON values, in ns and nJ."""
        energy_pj = self.energy_limit_pj
        return {
            "objective": self.text,
            "latency_limit_ns": self.latency_limit_ns,
            "energy_limit_nj": None if energy_pj is None else energy_pj / PJ_PER_NJ,
        }

    def stages(self) -> Iterator[tuple["Objective", float | None]]:
        """Yield what to minimise, one after the other, and the value to reach if not the least.

        First the latency limit is reached, then the energy limit within it, then the rest.

        Raises:
            UsageError: The period is no measure of one step; see `hptc.partition.period.solve`.
        """
        if self.measure is Measure.PERIOD:
            raise UsageError("objective", expected="that of one step", found=self.text)
        if self.latency_limit_ns is not None:
            yield Objective.LATENCY, self.latency_limit_ns
        if self.energy_limit_pj is not None:
            within = replace(Objective.ENERGY, latency_limit_ns=self.latency_limit_ns)
            yield within, self.energy_limit_pj
        yield self, None


Objective.LATENCY = Objective(Measure.LATENCY)
Objective.ENERGY = Objective(Measure.ENERGY)
Objective.EDP = Objective(Measure.EDP)
Objective.PERIOD = Objective(Measure.PERIOD)


def parse_objective(
    text: str, *, latency_limit_ns: int | None = None, energy_limit_nj: float | None = None
) -> Objective:
    """Return the objective that `--objective` names, with limits in ns and nJ.

    Raises:
        UsageError: The name or a weight is unknown, or a number is out of range.
    """
    name, _, weights = text.partition(":")
    found = {measure.value: measure for measure in Measure}.get(name)
    is_weighted = found is Measure.WEIGHTED
    if found is None or is_weighted != bool(weights):
        raise UsageError("--objective", expected=f"one of {CHOICES}", found=repr(text))
    return Objective(
        found,
        **(_weights(text, weights) if is_weighted else {}),
        latency_limit_ns=latency_limit_ns,
        energy_limit_pj=None if energy_limit_nj is None else energy_limit_nj * PJ_PER_NJ,
    )


def _shortest(number: float) -> str:
    """Return a number as text that reads back as the same."""
    text = f"{number:g}"
    return text if float(text) == number else repr(number)


def _weights(text: str, weights: str) -> dict[str, float]:
    found = {}
    for item in weights.split(","):
        name, _, number = item.partition("=")
        try:
            found[f"{name}_weight"] = float(number)
        except ValueError:
            found[""] = 0.0
    if found.keys() != {"latency_weight", "energy_weight"}:
        raise UsageError(
            f"--objective {text}",
            expected="weighted:latency=A,energy=B with A per ns and B per nJ",
            found=repr(weights),
        )
    return found
