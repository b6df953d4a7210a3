"""A phase as a problem whose tasks can be cut into chunks of rows."""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from hptc.ir.axes import Flow, Rows, Stream
from hptc.ir.graph import Arg, Graph, Op, Ref
from hptc.ir.layout import aliases, layout_of
from hptc.ir.tasks import Task
from hptc.partition.problem import Mode, matrix_name
from hptc.partition.rows.problem import RowProblem
from hptc.schedule.priced import Priced
from passes import TileRows, tile
from passes.row_chunks import chunks_of
from passes.row_cuts import row_cuts

Modes = dict[int, dict[int, tuple[Mode, ...]]]


@dataclass(frozen=True)
class RowTasks:
    """The tasks of a phase that can be cut: what works row by row, with all of its operations."""

    whole: Priced
    carried: Mapping[str, Rows]
    """The rows of the inputs."""
    rows: int
    steps: int
    """Of the phase."""

    @cached_property
    def cuts(self) -> Mapping[str, Stream]:
        """How each operation that can be cut passes its chunks on."""
        found = row_cuts(self.whole.graph, self.carried, 2)
        return {name: passed for name, passed in found.items() if passed.flow is Flow.MAP}

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """Of the tasks that can be cut."""
        tasks = enumerate(self.whole.tasks)
        return tuple(position for position, task in tasks if self._is_cut(task))

    def named(self, counts: Mapping[int, int]) -> TileRows:
        """Return the tiling that cuts tasks, by position, into so many chunks."""
        tasks = self.whole.tasks
        return TileRows(
            self.carried,
            {
                op.name: count
                for position, count in counts.items()
                for op in tasks[position].ops
                if op.name in self.cuts
            },
        )

    def problem(self, counts: Sequence[int], go_on: Callable[[], bool]) -> RowProblem:
        """Price chunks of rows, as far as there is time.

        Tasks that do the same are priced once.

        Args:
            counts: Numbers of chunks, each from 2 to the number of rows, the first before others.
            go_on: Asked before the phase is cut and priced once more.
        """
        whole = self.whole.posed.problem
        modes: Modes = {position: {} for position in self.positions}
        groups = self._alike()
        group_of = {position: group for group in groups for position in group}
        for plan in _rounds(groups, counts):
            if not go_on():
                break
            for first, size, found in self._chunks(plan):
                for position in group_of[first]:
                    own = whole.tasks[position].modes
                    modes[position][size] = tuple(
                        replace(mode, matrix=same.matrix)
                        for mode, same in zip(found, own, strict=True)
                    )
        return RowProblem(whole, self.rows, modes, frozenset(self._streams()))

    @cached_property
    def _views(self) -> frozenset[str]:
        return aliases(self.whole.graph)

    def _is_cut(self, task: Task) -> bool:
        """Return whether all of a task works row by row, but for views of what stays in place."""
        computing = [op for op in task.ops if op.name not in self._views]
        made = {name for op in computing for name in op.outputs}
        return (
            bool(computing)
            and all(op.name in self.cuts or not self._carries(op) for op in task.ops)
            and all(op.name in self.cuts for op in computing)
            and made.isdisjoint(self._waits(task))
        )

    def _waits(self, task: Task) -> set[str]:
        """Return what a task needs in full, seen through its own views."""
        views = {name: op for op in task.ops if op.name in self._views for name in op.outputs}
        found = set()
        for op in task.ops:
            for name in op.inputs if op.name not in self._views else ():
                passed = self.cuts.get(op.name)
                if passed is None or passed.sliced.get(name) != self._made.get(name):
                    root = name
                    while root in views:
                        root = views[root].inputs[0]
                    found.add(root)
        return found

    def _carries(self, op: Op) -> bool:
        return any(name in self._made or name in self.carried for name in op.inputs)

    @cached_property
    def _made(self) -> Mapping[str, Rows]:
        """The rows of the results of operations that can be cut."""
        return {
            name: rows
            for op in self.whole.graph.ops
            if op.name in self.cuts
            for name, rows in zip(op.outputs, self.cuts[op.name].outputs, strict=True)
            if isinstance(rows, Rows)
        }

    def _signature(self, task: Task) -> Hashable:
        """Return what tasks have in common whose chunks cost the same.

        The operations with all they say, the form of what they read and make, and how that is cut.
        """
        graph = self.whole.graph
        numbers: dict[str, int] = {}

        def seen(arg: Arg) -> Hashable:
            if isinstance(arg, tuple):
                return tuple(map(seen, arg))
            if not isinstance(arg, Ref):
                return type(arg), arg
            number = numbers.setdefault(arg.ref, len(numbers))
            return "value", number, _form(graph, arg.ref), self._made.get(arg.ref)

        return tuple(
            (
                op.kind,
                op.role,
                op.tag,
                tuple(map(seen, op.args)),
                tuple((key, seen(arg)) for key, arg in op.kwargs),
                op.name in self.cuts,
                tuple((_form(graph, name), name in task.outputs) for name in op.outputs),
                tuple(numbers.setdefault(name, len(numbers)) for name in op.outputs),
            )
            for op in task.ops
        )

    def _streams(self) -> Iterator[tuple[int, int]]:
        """Yield (value, reader) where chunks of the reader need chunks of the value alone."""
        posed, cuttable = self.whole.posed, frozenset(self.positions)
        waits = {position: self._waits(self.whole.tasks[position]) for position in cuttable}
        for v, (name, value) in enumerate(zip(posed.values, posed.problem.values, strict=True)):
            if value.src not in cuttable or value.carried:
                continue
            for reader in cuttable.intersection(value.readers):
                if name not in waits[reader]:
                    yield v, reader

    def _alike(self) -> Collection[Sequence[int]]:
        """Return the tasks that can be cut, in groups of those whose chunks cost the same."""
        found: dict[Hashable, list[int]] = {}
        for position in self.positions:
            modes = self.whole.posed.problem.tasks[position].modes
            prices = tuple((mode.duration_ns, mode.energy_pj) for mode in modes)
            does = self._signature(self.whole.tasks[position])
            found.setdefault((does, prices), []).append(position)
        return found.values()

    def _chunks(self, counts: Mapping[int, int]) -> Iterator[tuple[int, int, tuple[Mode, ...]]]:
        """Yield the modes of chunks, by task and rows, as they are priced in the tiled phase."""
        whole = self.whole
        graph = tile(whole.graph, self.named(counts))
        tiled = Priced.of(graph, whole.target, self.steps)
        task_of = {op.name: index for index, task in enumerate(tiled.tasks) for op in task.ops}
        for position, count in counts.items():
            task, own = whole.tasks[position], whole.posed.problem.tasks[position].modes
            ops = [op.name for op in task.ops if op.name not in self._views]
            for chunk in chunks_of(self.rows, count):
                pieces = {task_of[chunk.name(name)] for name in ops}
                for piece in pieces if len(pieces) == 1 else ():
                    found = tiled.posed.problem.tasks[piece].modes
                    if _places(tiled, found) == _places(whole, own):
                        yield position, chunk.rows[1] - chunk.rows[0], found


def _rounds(groups: Iterable[Sequence[int]], counts: Sequence[int]) -> Iterator[Mapping[int, int]]:
    """Yield what to cut at once: each member of a group into another number of chunks."""
    rounds: dict[int, dict[int, int]] = {}
    for group in groups:
        for index, count in enumerate(counts):
            which, member = divmod(index, len(group))
            rounds.setdefault(which, {})[group[member]] = count
    yield from rounds.values()


def _places(priced: Priced, modes: Sequence[Mode]) -> list[tuple[int, str | None]]:
    return [(mode.device, matrix_name(priced.posed.problem, mode)) for mode in modes]


def _form(graph: Graph, name: str) -> Hashable:
    value, layout = graph.by_name[name], layout_of(graph, name)
    return value.shape, value.dtype, value.residency, value.kind, layout.strides, layout.offset
