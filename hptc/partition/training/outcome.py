"""What a whole training takes with given answers for its stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from hptc.partition.check import energy_pj
from hptc.partition.check_busy import chosen_modes
from hptc.partition.goal import Objective
from hptc.partition.problem import Assignment, Mode, relative_gap
from hptc.partition.reruns import expanded
from hptc.partition.training.problem import Stage, Switch, Training, switches


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer for a stage, and what its steps take."""

    assignment: Assignment
    choice: tuple[Mode, ...]
    """The mode of each task, then of each rerun."""
    steps: int
    step_pj: Fraction

    @property
    def time_ns(self) -> int:
        """Of all steps."""
        return self.steps * self.assignment.makespan_ns

    @property
    def energy_pj(self) -> Fraction:
        """Of all steps, exactly."""
        return self.steps * self.step_pj

    def value(self, goal: Objective) -> Fraction:
        """Return the objective of all steps."""
        return goal.value(self.time_ns, self.energy_pj)

    @classmethod
    def of(cls, stage: Stage, assignment: Assignment) -> Self:
        """Return an assignment for the problem of a stage as an answer."""
        runs = expanded(stage.problem, assignment.reruns)
        return cls(
            assignment,
            tuple(chosen_modes(runs, assignment)),
            stage.steps,
            Fraction(energy_pj(stage.problem, assignment)),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """A training with one answer for each stage."""

    answers: tuple[Answer, ...]
    switches: tuple[Switch, ...]
    """The entry of each stage."""

    @property
    def time_ns(self) -> int:
        """Of all steps and switches."""
        steps = sum(answer.time_ns for answer in self.answers)
        return steps + sum(entry.time_ns for entry in self.switches)

    @property
    def energy_pj(self) -> Fraction:
        """Of all steps and switches, exactly."""
        steps = sum((answer.energy_pj for answer in self.answers), Fraction(0))
        return steps + sum((entry.energy_pj for entry in self.switches), Fraction(0))

    def value(self, goal: Objective) -> Fraction:
        """Return the objective of the whole training."""
        return goal.value(self.time_ns, self.energy_pj)


@dataclass(frozen=True, slots=True)
class TrainingSolution:
    """The best answer for a training, with what is proven of it."""

    best: Outcome
    apart: Outcome
    """The answers of the stages for themselves."""
    value: Fraction
    """Of the objective, over all steps and switches."""
    lower_bound: Fraction
    """Proven, same unit."""

    @property
    def gap(self) -> float:
        """Relative distance of the value from its bound."""
        return relative_gap(float(self.value), float(self.lower_bound))


def outcome(training: Training, answers: Sequence[Answer]) -> Outcome:
    """Return what a training takes with these answers for its stages."""
    return Outcome(tuple(answers), switches(training, [answer.choice for answer in answers]))
