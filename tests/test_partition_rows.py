"""Problems in chunks of rows, and the bound over all ways to cut them."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from hptc.errors import InfeasibleError
from hptc.partition import problem as pb
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.rows.bound import tiling_bound
from hptc.partition.rows.problem import RowProblem, cut
from hptc.partition.rows.search import RowSearch
from tests.partition_cases import brute_force, problems

ROWS = 3


@st.composite
def row_problems(draw: st.DrawFn) -> RowProblem:
    """Draw a problem of up to two tasks that can be cut into two chunks, of one row and two."""
    whole = draw(problems(2, has_matrices=draw(st.booleans())))
    sizes = st.sampled_from([(), (1, 2)])
    modes = {
        position: {size: _chunk(draw, task) for size in draw(sizes)}
        for position, task in enumerate(whole.tasks)
    }
    edges = [(v, reader) for v, value in enumerate(whole.values) for reader in value.readers]
    streams = draw(st.frozensets(st.sampled_from(edges))) if edges else frozenset()
    return RowProblem(whole, ROWS, modes, streams)


def _chunk(draw: st.DrawFn, task: pb.Task) -> tuple[pb.Mode, ...]:
    """Draw what a chunk of a task takes; it may be more than the whole, or less than its share."""
    times = st.integers(0, 6)
    return tuple(
        replace(mode, duration_ns=draw(times), energy_pj=draw(times)) for mode in task.modes
    )


def tilings(problem: RowProblem) -> list[Mapping[int, int]]:
    """Return every way to cut a problem."""
    tasks = range(len(problem.whole.tasks))
    offered = [(1, 2) if problem.cuttable(task, 2) else (1,) for task in tasks]
    return [dict(enumerate(counts)) for counts in product(*offered)]


@settings(max_examples=60)
@given(row_problems())
def test_the_bound_holds_for_every_tiling(problem: RowProblem) -> None:
    try:
        found = tiling_bound(problem, Objective.LATENCY, Clock(Limits(work_s=9)))
        cheap = tiling_bound(problem, Objective.ENERGY, Clock(Limits(work_s=9)))
    except InfeasibleError:
        return
    for counts in tilings(problem):
        time_ns, energy_pj = brute_force(cut(problem, counts).problem)
        assert found.lower_bound_ns <= time_ns
        assert cheap.lower_bound <= energy_pj + 1e-6


def streamed(durations: tuple[int, ...], waits: frozenset[int] = frozenset()) -> RowProblem:
    """Return a chain of tasks on devices of their own; chunks take their share of the time.

    The tasks in `waits` need all rows of the one before.
    """
    last = len(durations) - 1
    links = tuple(pb.Link(i, i + 1, 1.0, 0) for i in range(last))
    tasks = tuple(pb.Task(f"t{i}", (pb.Mode(i, time),)) for i, time in enumerate(durations))
    values = tuple(pb.Value(i, (i + 1,), 0) for i in range(last))
    devices = tuple(pb.Device(f"d{i}") for i in range(len(tasks)))
    whole = pb.Problem(devices, links, tasks, values)
    modes = {
        i: {size: (pb.Mode(i, time * size // ROWS),) for size in (1, 2)}
        for i, time in enumerate(durations)
    }
    streams = frozenset((i, i + 1) for i in range(last) if i + 1 not in waits)
    return RowProblem(whole, ROWS, modes, streams)


def bound_ns(problem: RowProblem) -> int:
    return tiling_bound(problem, Objective.LATENCY, Clock(Limits(work_s=9))).lower_bound_ns


def test_chunks_follow_one_another() -> None:
    problem = streamed((30, 60, 30))
    whole, halves = (dict.fromkeys(range(3), count) for count in (1, 2))
    assert brute_force(cut(problem, whole).problem)[0] == 30 + 60 + 30
    assert brute_force(cut(problem, halves).problem)[0] == 10 + 60 + 20
    assert bound_ns(problem) == 10 + 60 + 10


def test_a_reader_of_all_rows_starts_after_the_last_chunk() -> None:
    problem = streamed((30, 60, 30, 30), frozenset({2}))
    assert bound_ns(problem) == (10 + 60) + (30 + 10)


def test_chunks_cost_more_than_the_whole() -> None:
    problem = streamed((30, 60, 30))
    dear = {size: (pb.Mode(1, 25 * size),) for size in (1, 2)}
    costly = replace(problem, modes={**problem.modes, 1: dear})
    assert 80 < bound_ns(costly) <= 10 + 75 + 10
    assert bound_ns(replace(costly, modes={1: dear})) == 30 + 60 + 30


def test_chunks_of_a_task_run_side_by_side() -> None:
    device = pb.Device("d", count=3)
    task = pb.Task("t", (pb.Mode(0, 30),))
    modes = {0: {1: (pb.Mode(0, 12),)}}
    assert (
        bound_ns(RowProblem(pb.Problem((device,), (), (task,), ()), ROWS, modes, frozenset())) == 12
    )


def test_values_are_sent_in_parts() -> None:
    problem = streamed((30, 30))
    whole = replace(problem.whole, values=(replace(problem.whole.values[0], bytes=10),))
    parts = cut(replace(problem, whole=whole), {0: 3}).problem.values
    assert [(part.src, part.readers, part.bytes) for part in parts] == [
        (0, (3,), 3),
        (1, (3,), 3),
        (2, (3,), 3),
    ]


def test_the_search_cuts_what_pays() -> None:
    problem = streamed((30, 60, 30))
    clock = Clock(Limits(work_s=9))
    found = RowSearch(problem, Objective.LATENCY, clock).best([[0, 0, 0]], [3])
    assert found is not None
    assert (found.value, found.counts) == (80, dict.fromkeys(range(3), 3))
    slow = {1: (pb.Mode(1, 100),), 2: (pb.Mode(1, 100),)}
    costly = replace(problem, modes={**problem.modes, 1: slow})
    found = RowSearch(costly, Objective.LATENCY, clock).best([[0, 0, 0]], [3])
    assert found is not None
    assert 1 not in found.counts
    assert found.value == 120
