"""Problems of many devices: what is left out there, and what is found only when asked for."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from hptc.errors import InfeasibleError
from hptc.partition import instance as instances
from hptc.partition import tables
from hptc.partition.bounds.paths import path_bound
from hptc.partition.instance import NO_LINK
from hptc.partition.prepare import prepare
from hptc.partition.problem import Device, Link, Mode, Problem, Task, Value
from hptc.partition.solve import solve
from tests.partition_cases import brute_force, problems


@settings(max_examples=60)
@given(problems())
def test_times_of_transfers_are_the_same_when_asked_for(problem: Problem) -> None:
    at_once = prepare(problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "FEW_PAIRS", 0)
        asked_for = prepare(problem)
        pairs = range(len(problem.devices) ** 2)
        for known, found in zip(at_once.send, asked_for.send, strict=True):
            assert list(known) == [found[pair] for pair in pairs]
    values = np.arange(len(problem.values))
    times = tables.SendMatrix(problem).pair_units(values, 0, NO_LINK)
    assert [row.ravel().tolist() for row in times] == list(map(list, at_once.send))
    longest = [max(0, *row) for row in at_once.send]
    linked = [length if problem.links else 0 for length in longest]
    assert list(at_once.longest_sends) == linked


@settings(max_examples=60)
@given(problems())
def test_bounds_hold_where_too_many_modes_meet(problem: Problem) -> None:
    time_ns, _ = brute_force(problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instances, "MOST_PAIRS", -1)
        if time_ns == math.inf:
            with pytest.raises(InfeasibleError):
                solve(problem)
            return
        assert path_bound(prepare(problem)) <= time_ns
        found = solve(problem)
        assert found.value == found.lower_bound_ns == time_ns


def test_many_devices_are_no_matter_of_their_pairs() -> None:
    devices = tuple(Device(f"d{i}") for i in range(64))
    links = tuple(
        Link(a, b, 1.0 + (a * b) % 7, a + b) for a in range(64) for b in range(64) if a != b
    )
    modes = tuple(Mode(device, 500 + device) for device in range(64))
    values = tuple(Value(t, (t + 1,), 10 * t + 1) for t in range(999))
    tasks = tuple(Task(f"t{t}", modes) for t in range(1000))
    instance = prepare(Problem(devices, links, tasks, values))
    assert instance.is_dense
    assert instance.is_complete
    assert path_bound(instance) == 500 * 1000
    assert not any(map(len, instance.send))
