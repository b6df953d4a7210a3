"""Problems of many devices: what is left out there, and what is found only when asked for."""

import math
from itertools import product

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
        for known, found in zip(at_once.send, asked_for.send, strict=True):
            assert known == tuple(found[device] for device in range(len(problem.devices)))
    for link, (v, value) in product(problem.links, enumerate(problem.values)):
        assert tables.bringing_ns(link, value) == at_once.send[v][link.src][link.dst]
    values = np.arange(len(problem.values))
    times = tables.SendMatrix(problem).pair_units(values, 0, NO_LINK)
    assert np.array_equal(times, np.array(at_once.send).reshape(times.shape))
    assert list(at_once.longest_sends) == [found.max(initial=0) for found in times]


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
