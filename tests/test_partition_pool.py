"""Identical machines without communication: bounds that hold, and are reached."""

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from hptc.partition.bounds.paths import path_bound
from hptc.partition.bounds.pool import pool_bound
from hptc.partition.limits import Limits
from hptc.partition.prepare import prepare
from hptc.partition.problem import Device, Link, Mode, Problem, Task, Value
from hptc.partition.solve import solve
from tests.partition_cases import brute_force


def pool(lengths: list[int], edges: set[tuple[int, int]], machines: int) -> Problem:
    """Return tasks of these lengths, and edges that take no time."""
    everywhere = range(machines)
    tasks = tuple(
        Task(f"t{i}", tuple(Mode(device, length) for device in everywhere))
        for i, length in enumerate(lengths)
    )
    links = tuple(Link(a, b, 1.0, 0) for a, b in permutations(everywhere, 2))
    values = tuple(Value(a, (b,), 0) for a, b in sorted(edges))
    return Problem(tuple(Device(f"p{i}") for i in everywhere), links, tasks, values)


@settings(max_examples=80)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=5),
    st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4))),
    st.integers(2, 3),
)
def test_the_bound_never_exceeds_the_optimum(
    lengths: list[int], pairs: set[tuple[int, int]], machines: int
) -> None:
    edges = {(a, b) for a, b in pairs if a < b < len(lengths)}
    problem = pool(lengths, edges, machines)
    time_ns, _ = brute_force(problem)
    instance = prepare(problem)
    assert max(path_bound(instance), -(-sum(lengths) // machines)) <= time_ns
    assert -(-sum(lengths) // machines) <= pool_bound(instance) <= time_ns


def test_forks_and_joins_are_bounded_one_by_one() -> None:
    """Six tasks of 2 ns between fork and join take 6 ns on two machines."""
    forks, machines = 30, 2
    lengths, edges = [1], set()
    for _ in range(forks):
        first = len(lengths) - 1
        lengths += [2] * 6 + [1]
        for branch in range(first + 1, first + 7):
            edges |= {(first, branch), (branch, first + 7)}
    problem = pool(lengths, edges, machines)
    assert pool_bound(prepare(problem)) == 1 + forks * (6 + 1)
    found = solve(problem, limits=Limits(time_s=10.0))
    assert found.value == found.lower_bound_ns == 1 + forks * (6 + 1)


def test_work_beyond_64_bits_is_shared_out_exactly() -> None:
    length = 10**18 - 1
    assert pool_bound(prepare(pool([length] * 9, set(), 2))) == -(-9 * length // 2)
