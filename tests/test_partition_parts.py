"""What the search does without one of its parts."""

import dataclasses

import pytest

from benchmarks.partitioner.generators import training
from hptc.partition.check import check
from hptc.partition.limits import Limits, Parts
from hptc.partition.solve import solve

PARTS = [field.name for field in dataclasses.fields(Parts)]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_left_out(part: str) -> None:
    problem = training(110)
    limits = Limits(work_s=0.2, parts=Parts(**{part: False}))
    found = solve(problem, limits=limits)
    check(problem, found.assignment)
    assert 0 < found.lower_bound_ns <= found.assignment.makespan_ns
