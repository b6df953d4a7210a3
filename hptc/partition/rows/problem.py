"""Problems whose tasks can be cut into chunks of rows that follow one another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hptc.partition.problem import Mode, Problem, Task, Value


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A problem, and what its tasks take for some of their rows."""

    whole: Problem
    rows: int
    modes: Mapping[int, Mapping[int, tuple[Mode, ...]]]
    """Of each task that can be cut, by the rows of a chunk: for each mode of the whole task one of
    the same device and matrix."""
    streams: frozenset[tuple[int, int]]
    """(value, reader): a chunk of the reader needs its own rows of the value alone, if that is cut
    in as many chunks. All other readers need all rows."""

    def sizes(self, count: int) -> list[int]:
        """Return the rows of each of `count` chunks, which differ by one at most."""
        bounds = (index * self.rows // count for index in range(count + 1))
        return [stop - first for first, stop in pairwise(bounds)]

    def cuttable(self, task: int, count: int) -> bool:
        """Return whether a task can be cut into `count` chunks."""
        return self.modes.get(task, {}).keys() >= set(self.sizes(count))


@dataclass(frozen=True, slots=True)
class Cut:
    """A problem with some tasks in chunks."""

    problem: Problem
    pieces: tuple[tuple[int, ...], ...]
    """The tasks that each task of the whole problem has become, in the order of rows."""

    def spread(self, chosen: Sequence[int]) -> list[int]:
        """Return the mode of every piece, given that of each whole task."""
        modes = [0] * len(self.problem.tasks)
        for pieces, mode in zip(self.pieces, chosen, strict=True):
            for piece in pieces:
                modes[piece] = mode
        return modes


def cut(problem: RowProblem, counts: Mapping[int, int]) -> Cut:
    """Return the problem with tasks in chunks.

    Args:
        problem: What is to be cut.
        counts: Into how many chunks each task is cut that is not left whole.
    """
    whole = problem.whole
    tasks: list[Task] = []
    pieces: list[tuple[int, ...]] = []
    for position, task in enumerate(whole.tasks):
        count = counts.get(position, 1)
        first = len(tasks)
        if count == 1:
            tasks.append(task)
        else:
            tasks += (
                replace(task, name=f"{task.name}.rows{index}", modes=problem.modes[position][size])
                for index, size in enumerate(problem.sizes(count))
            )
        pieces.append(tuple(range(first, len(tasks))))
    values = [
        part for v, value in enumerate(whole.values) for part in _parts(problem, v, value, pieces)
    ]
    groups = tuple(
        tuple(piece for task in group for piece in pieces[task]) for group in whole.together
    )
    cut_up = replace(whole, tasks=tuple(tasks), values=tuple(values), together=groups)
    return Cut(cut_up, tuple(pieces))


def _parts(
    problem: RowProblem, v: int, value: Value, pieces: Sequence[tuple[int, ...]]
) -> list[Value]:
    """Return what the chunks of the source of a value make, each with its readers."""
    sources = pieces[value.src]
    sizes = problem.sizes(len(sources))
    parts = []
    for index, (src, size) in enumerate(zip(sources, sizes, strict=True)):
        readers: list[int] = []
        for reader in value.readers:
            own = pieces[reader]
            is_streamed = (v, reader) in problem.streams and len(own) == len(sources)
            readers += own[index : index + 1] if is_streamed else own
        nbytes = value.bytes * size // problem.rows
        parts.append(replace(value, src=src, readers=tuple(dict.fromkeys(readers)), bytes=nbytes))
    return parts
