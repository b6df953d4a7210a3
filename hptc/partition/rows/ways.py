"""Ways to run a task: a mode, a number of chunks, and the least that takes.

The chunks of a task may run in different modes, at the same time on different devices.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hptc.partition.rows.problem import RowProblem


@dataclass(frozen=True, slots=True)
class Way:
    """A mode of a task in a number of chunks."""

    mode: int
    count: int
    """Of chunks; 1: the task is left whole."""
    work_ns: int
    """Of all rows in this mode at least: of some of the rows, their share of it at least."""
    chunk_ns: int
    """Of any one of so many chunks at least: in this mode if the task is whole, else in any."""


def numbers_of_chunks(problem: RowProblem) -> list[int]:
    """Return the numbers of chunks that any task can be cut into."""
    priced = {size for sizes in problem.modes.values() for size in sizes}
    return [n for n in range(2, problem.rows + 1) if priced.issuperset(problem.sizes(n))]


def ways(problem: RowProblem, task: int, counts: Sequence[int]) -> tuple[Way, ...]:
    """Return the ways to run a task, but for those that others are in no respect worse than."""
    modes = problem.whole.tasks[task].modes
    whole = (Way(i, 1, mode.duration_ns, mode.duration_ns) for i, mode in enumerate(modes))
    cut = [way for n in counts if problem.cuttable(task, n) for way in _in_chunks(problem, task, n)]
    kept: list[Way] = []
    for way in (*sorted(cut, key=lambda way: (way.work_ns, way.chunk_ns)), *whole):
        if not any(_is_as_good(other, way) for other in kept):
            kept.append(way)
    return tuple(kept)


def _in_chunks(problem: RowProblem, task: int, count: int) -> Iterator[Way]:
    chunks = [(size, problem.modes[task][size]) for size in dict.fromkeys(problem.sizes(count))]
    chunk_ns = min(mode.duration_ns for _, modes in chunks for mode in modes)
    for position in range(len(problem.whole.tasks[task].modes)):
        rates = (modes[position].duration_ns * problem.rows // size for size, modes in chunks)
        yield Way(position, count, min(rates), chunk_ns)


def _is_as_good(cut: Way, way: Way) -> bool:
    """Return whether chunks take no longer in any respect; a whole task only waits for more."""
    return (
        cut.count > 1
        and cut.mode == way.mode
        and cut.work_ns <= way.work_ns
        and cut.chunk_ns <= way.chunk_ns
    )
