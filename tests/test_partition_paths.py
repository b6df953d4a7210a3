"""Paths bound every schedule, however long times are and however many pairs of devices."""

from itertools import pairwise

import pytest
from hypothesis import given, settings

from hptc.partition.bounds import paths
from hptc.partition.bounds.paths import path_bound, path_heads, path_tails
from hptc.partition.prepare import prepare
from hptc.partition.problem import Device, Link, Mode, Problem, Task, Value
from tests.partition_cases import brute_force, problems, stretched

LONG = 10**17


@settings(max_examples=60)
@given(problems())
def test_paths_bound_what_leaves_64_bits(problem: Problem) -> None:
    long = stretched(problem, LONG)
    bound = path_bound(prepare(long))
    assert bound <= brute_force(long)[0]
    assert bound >= (1 - 1e-15) * LONG * max(
        min(mode.duration_ns for mode in task.modes) for task in problem.tasks
    )


@settings(max_examples=60)
@given(problems())
def test_looking_at_one_value_at_a_time_changes_nothing(problem: Problem) -> None:
    instance = prepare(problem)
    found = [path_bound(instance), path_heads(instance), path_tails(instance)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "AT_ONCE", 1)
        assert [path_bound(instance), path_heads(instance), path_tails(instance)] == found


def test_many_devices_count_the_transfers_that_they_force() -> None:
    """Each task is fast on one device, so that every value is sent or its reader takes long."""
    count, tasks = 64, 600
    links = tuple(Link(a, b, 1.0, 0) for a in range(count) for b in range(count) if a != b)
    rows = tuple(
        Task(f"t{t}", tuple(Mode(d, 10 if d == t % count else 90) for d in range(count)))
        for t in range(tasks)
    )
    values = tuple(Value(a, (b, b + 1), 70) for a, b in pairwise(range(tasks - 1)))
    devices = tuple(Device(f"d{d}") for d in range(count))
    instance = prepare(Problem(devices, links, rows, values))
    assert instance.is_dense
    assert path_bound(instance) == (tasks - 1) * 10 + (tasks - 2) * 70
