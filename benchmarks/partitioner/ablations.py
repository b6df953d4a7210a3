"""What each part of the search is worth: value and gap without it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from benchmarks.partitioner.cases import Case
from benchmarks.partitioner.solves import SHARE, Solved, in_child, solved
from hptc.partition.goal import parse_objective
from hptc.partition.limits import Limits, Parts

ALL = "all"


@dataclass(frozen=True, slots=True)
class Ablation:
    """One problem, solved without one part (`all`: with all of them)."""

    name: str
    objective: str
    without: str
    solved: Solved


def ablations(case: Case, objective: str, time_s: float, seed: int) -> Iterator[Ablation]:
    """Solve a problem with all parts, then without each."""
    goal = parse_objective(objective)
    for part in (ALL, *(field.name for field in fields(Parts))):
        parts = Parts() if part == ALL else Parts(**{part: False})
        limits = Limits(time_s=SHARE * time_s, seed=seed, parts=parts)
        yield Ablation(case.name, objective, part, in_child(solved, case.problem, limits, goal))
