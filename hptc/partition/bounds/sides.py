"""Rows of the makespan relaxation for what lies before and after the tasks of a longest path.

What descends from a task of the path keeps devices and links busy between its end and the makespan,
what leads to it before its start. Whole loads alone would let one device work through the first
half of a step while another works through the second.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from hptc.partition.bounds.chain import Stretch, longest_chain, neighbours
from hptc.partition.bounds.loads import Relaxation
from hptc.partition.instance import Instance
from hptc.partition.tables import Pair

MOST_POINTS = 40
"""Tasks of the path that are looked at: more add little (measured)."""

Line = int | Pair
"""A row of tasks, or the ends of a link."""
Part = tuple[Line, int, int]
"""Where time passes as far as a variable is 1: the line, the variable, the time in ns."""


def add_sides(instance: Instance, built: Relaxation) -> None:
    """Add the rows to a relaxation that has its loads, links and waits."""
    chain = longest_chain(instance)
    points = chain[:: max(1, -(-len(chain) // MOST_POINTS))]
    after, before = neighbours(instance, points)
    steps = range(1, len(points) + 1)
    behind, ahead = ([list[Part]() for _ in range(len(points) + 2)] for _ in range(2))
    for task in range(instance.tasks):
        parts = list(_work(instance, built, task))
        behind[after[task]] += parts
        ahead[before[task]] += parts
    for step, task in enumerate(points, 1):
        after[task] = before[task] = step  # what it makes is sent after it, what it reads before it
    for v, value in enumerate(instance.problem.values):
        parts = list(_transfers(instance, built, v))
        ahead[max((before[reader] for reader in value.readers), default=0)] += parts
        if not value.carried:
            behind[after[value.src]] += parts
    _nest(instance, built, reversed(steps), behind, [_rest(instance, built, t) for t in points])
    _nest(instance, built, steps, ahead, [{built.start[task]: 1} for task in points])


def add_stretches(
    instance: Instance, built: Relaxation, stretches: Iterable[Stretch], horizon: int
) -> None:
    """Keep the tasks of a path as far apart as their devices ask for.

    Args:
        instance: The problem.
        built: Gains the rows.
        stretches: What is proven of pairs of tasks.
        horizon: The longest makespan in ns.
    """
    rows = built.rows
    for stretch in stretches:
        both = {pair: rows.variable(1) for pair in stretch.least_ns}
        for end, task in enumerate((stretch.first, stretch.last)):
            for device, here in built.placed[task].items():
                parts = {lit: 1 for pair, lit in both.items() if pair[end] == device}
                rows.add(parts | {here: -1}, 0, is_equal=True)
        modes = zip(built.chosen[stretch.first], instance.duration[stretch.first], strict=True)
        apart = {built.start[stretch.last]: 1, built.start[stretch.first]: -1}
        apart |= {lit: -length for lit, length in modes}
        apart |= {both[pair]: -min(time, horizon + 1) for pair, time in stretch.least_ns.items()}
        rows.add(apart, 0, is_time=True)


def _work(instance: Instance, built: Relaxation, task: int) -> Iterator[Part]:
    """Yield where a task takes time."""
    rows, times = instance.resource[task], instance.duration[task]
    for lit, row, length in zip(built.chosen[task], rows, times, strict=True):
        if instance.users[row] > 1:
            yield row, lit, length


def _transfers(instance: Instance, built: Relaxation, v: int) -> Iterator[Part]:
    """Yield where a value takes time."""
    for a, b in instance.link_of:
        if (v, a, b) in built.sent:
            yield (a, b), built.sent[v, a, b], instance.send[v][a][b]


def _rest(instance: Instance, built: Relaxation, task: int) -> dict[int, int]:
    """Return the time from the end of a task to the makespan."""
    modes = zip(built.chosen[task], instance.duration[task], strict=True)
    return {built.makespan: 1, built.start[task]: -1} | {lit: -length for lit, length in modes}


def _nest(
    instance: Instance,
    built: Relaxation,
    steps: Iterable[int],
    parts: Sequence[Sequence[Part]],
    spans: Sequence[dict[int, int]],
) -> None:
    """Add up the parts step by step; all up to a step pass within the span of its task."""
    rows, horizon = built.rows, built.rows.upper[built.makespan]
    total: dict[Line, int] = {}
    for step in steps:
        found: dict[Line, dict[int, int]] = defaultdict(dict)
        for line, lit, length in parts[step]:
            found[line][lit] = found[line].get(lit, 0) - length
        for line, load in found.items():
            units = instance.units[line] if isinstance(line, int) else 1
            sum_ = rows.variable(units * horizon, is_time=True)
            if line in total:
                load[total[line]] = -1
            rows.add({sum_: 1} | load, 0, is_time=True)
            span = {variable: units * factor for variable, factor in spans[step - 1].items()}
            rows.add(span | {sum_: -1}, 0, is_time=True)
            total[line] = sum_
