"""Who waits for whom in every tiling: rows of a linear program.

Of each task there is the moment when its first chunk starts and the moment when its last one ends.

- If a task is whole, these are apart by its time. If it is cut, they are apart by what each device
  does of it.
- A reader that needs all rows starts after the last chunk has ended. This also holds where only one
  of both is cut, or they are cut in different numbers of chunks.
- Else the first chunk of the reader starts after one chunk of the task that started no sooner than
  the first, and its last chunk ends a chunk after the last one of the task.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hptc.partition.bounds.loads import Relaxation
from hptc.partition.bounds.lp import Rows
from hptc.partition.instance import Instance
from hptc.partition.rows.problem import RowProblem
from hptc.partition.rows.ways import Way, numbers_of_chunks, ways

Terms = dict[int, int]


def add_waits(problem: RowProblem, instance: Instance, built: Relaxation) -> None:
    """Add the rows, and what devices do in each number of chunks.

    Args:
        problem: What can be cut.
        instance: Its whole tasks.
        built: Gains the rows; its starts become those of first chunks.
    """
    counts = numbers_of_chunks(problem)
    shares = [
        _Shares.of(built, task, ways(problem, task, counts)) for task in range(instance.tasks)
    ]
    _add_work(instance, built, shares)
    ends = [_add_end(instance, built, task, own) for task, own in enumerate(shares)]
    rows, starts = built.rows, built.start
    for (task, reader), streams in _edges(problem, instance).items():
        if streams:
            first = {starts[reader]: 1, starts[task]: -1} | shares[task].chunk
            rows.add(first, 0, is_time=True)
            last = {ends[reader]: 1, ends[task]: -1} | shares[reader].chunk
            rows.add(last, 0, is_time=True)
        else:
            rows.add({starts[reader]: 1, ends[task]: -1}, 0, is_time=True)


@dataclass(frozen=True, slots=True)
class _Shares:
    """The variables of the ways to run a task: which share of its rows runs so."""

    of_way: Mapping[int, Way]

    @classmethod
    def of(cls, built: Relaxation, task: int, found: Sequence[Way]) -> "_Shares":
        by_mode: dict[int, list[Way]] = defaultdict(list)
        for way in found:
            by_mode[way.mode].append(way)
        of_way: dict[int, Way] = {}
        for mode, own in by_mode.items():
            lit = built.chosen[task][mode]
            here = {lit: own[0]} if len(own) == 1 else _split(built.rows, lit, own)
            of_way |= here
        return cls(of_way)

    @property
    def chunk(self) -> Terms:
        """What one chunk takes at least, as terms to take off."""
        return {lit: -way.chunk_ns for lit, way in self.of_way.items()}

    @property
    def whole(self) -> Terms:
        """What the task takes as far as it is whole."""
        return {lit: -way.work_ns for lit, way in self.of_way.items() if way.count == 1}


def _split(rows: Rows, lit: int, own: Sequence[Way]) -> dict[int, Way]:
    here = {rows.variable(1): way for way in own}
    rows.add(dict.fromkeys(here, 1) | {lit: -1}, 0, is_equal=True)
    return here


def _add_work(instance: Instance, built: Relaxation, shares: Sequence[_Shares]) -> None:
    """Every unit is busy no longer than the makespan."""
    busy: dict[int, Terms] = defaultdict(dict)
    for task, own in enumerate(shares):
        for lit, way in own.of_way.items():
            busy[instance.resource[task][way.mode]][lit] = -way.work_ns
    for resource, load in busy.items():
        span = {built.makespan: _count(instance, resource)}
        built.rows.add(span | load, 0, is_time=True)


def _add_end(instance: Instance, built: Relaxation, task: int, own: _Shares) -> int:
    """Add the end of the last chunk of a task and return its variable."""
    rows = built.rows
    end = rows.variable(rows.upper[built.makespan], is_time=True)
    rows.add({built.makespan: 1, end: -1}, 0, is_time=True)
    cut: dict[int, Terms] = defaultdict(dict)
    for lit, way in own.of_way.items():
        if way.count > 1:
            cut[instance.resource[task][way.mode]][lit] = -way.work_ns
    for resource, load in cut.items() or [(None, {})]:
        count = 1 if resource is None else _count(instance, resource)
        span = {end: 1, built.start[task]: -1} | own.whole
        rows.add({v: count * factor for v, factor in span.items()} | load, 0, is_time=True)
    return end


def _count(instance: Instance, resource: int) -> int:
    """Return the units of a resource: chunks of one task may run at the same time."""
    device, _ = instance.resources[resource]
    return instance.problem.devices[device].count


def _edges(problem: RowProblem, instance: Instance) -> Mapping[tuple[int, int], bool]:
    """Return (task, reader) pairs, and whether chunks of the reader may need theirs alone."""
    found: dict[tuple[int, int], bool] = {}
    for task in instance.order:
        for v, reader in instance.successors[task]:
            streams = (v, reader) in problem.streams and _is_cut(problem, task, reader)
            if reader != task:
                found[task, reader] = found.get((task, reader), True) and streams
    return found


def _is_cut(problem: RowProblem, *tasks: int) -> bool:
    return all(problem.modes.get(task) for task in tasks)
