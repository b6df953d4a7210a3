"""Placing a phase in chunks of rows: coarse by whole tasks, then chunk by chunk."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hptc.errors import InfeasibleError, TimeLimitError, UsageError
from hptc.ir.axes import Flow, RowFlow, row_flows
from hptc.ir.graph import Graph
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock
from hptc.partition.problem import Assignment, Mode, Solution
from hptc.partition.rows.bound import tiling_bound
from hptc.partition.rows.choice import Choice
from hptc.partition.rows.search import RowSearch
from hptc.partition.seeds.warm import Place, assign, place_of
from hptc.schedule.priced import Priced
from hptc.tiling.model import Placed, Solver, Tiling, Tried
from hptc.tiling.rowed import RowTasks
from passes import TileRows, tile
from passes.row_chunks import chunk_name
from passes.row_cuts import row_cuts

WHOLE_SHARE = 0.2
"""Share of the time in which the whole phase is placed."""
PRICED_SHARE = 0.4
"""Share of the time after which no more chunks are priced."""
BOUND_SHARE = 0.2
"""Share of the time left for the bound over all tilings."""
SEARCH_SHARE = 0.35
"""Share of the time left for the choice of a tiling."""
CUT_SHARE = 0.9
"""Share of the time left in which the phase is placed chunk by chunk."""
REFINED = 0.97
"""What placing chunks one by one may make of a value."""
LEAST_S = 1.0
"""Least time or work of a solve in s."""
PRICED_S = 1.5e-3
"""About how long it takes to price chunks once, in s for each task of the phase."""
CUT_S = 8e-4
"""About how long it takes to cut the phase and price it, in s for each chunk of a task."""
AFTER_SHARE = 0.4
"""How long a phase takes to schedule and report, of the time it takes to cut and price it."""
COUNTS = (4, 8, 2, 16)
"""Numbers of chunks that are offered, as far as there is time."""


@dataclass(slots=True)
class Tiler:
    """Places a phase in chunks of rows."""

    whole: Priced
    steps: int
    objective: Objective
    solver: Solver
    clock: Clock
    """Of everything; solves within parts of it."""
    after_s: float = 0.0
    """Time in s that is kept for what follows the last solve."""

    def fixed(self, chunks: int) -> Placed:
        """Place the phase with everything that can be cut in so many chunks.

        Raises:
            UsageError: No axis of the first input has so many rows.
        """
        flow = _streaming(self.whole.graph)
        if flow is None or flow.extent < chunks:
            raise UsageError(
                f"--tile {chunks}",
                expected="at most as many chunks as there are rows",
                found=f"{flow.extent if flow else 1} in the phase {self.whole.graph.phase.value}",
            )
        plan = TileRows(flow.carried, chunks)
        # Cut first: only then is it known what time there is to place it.
        tiled = self._tiled(plan, chunks * len(self.whole.tasks))
        start = None
        with suppress(InfeasibleError, TimeLimitError):  # chunks may fit where the whole does not
            coarse = self._solve(self.whole, WHOLE_SHARE, None)
            start = self._start(tiled, self.whole.posed.chosen(coarse.assignment), chunks)
        return Placed(tiled, self._solve(tiled, 1.0, start), self._tiling(flow, plan))

    def best(self) -> Placed:
        """Place the phase whole or in chunks, whichever is better as far as the time shows.

        Raises:
            InfeasibleError: It fits neither whole nor in any offered number of chunks.
        """
        flow = _streaming(self.whole.graph)
        offered = [count for count in COUNTS if flow is not None and count <= flow.extent]
        if flow is None or not offered or not self._may_price(WHOLE_SHARE * self.clock.left_s):
            return Placed(self.whole, self._solve(self.whole, 1.0, None))
        try:
            whole = self._solve(self.whole, WHOLE_SHARE, None)
        except InfeasibleError as error:
            return self._fewest(offered, error)
        rows = RowTasks(self.whole, flow.carried, flow.extent, self.steps)
        began_s, worked_s = self.clock.wall_s, self.clock.work.done_s
        problem = rows.problem(offered, self._may_price_more)
        pace = (self.clock.wall_s - began_s) / (self.clock.work.done_s - worked_s)
        counts = [n for n in COUNTS if any(problem.cuttable(task, n) for task in problem.modes)]
        if not counts:
            return Placed(self.whole, self._solve(self.whole, 1.0, whole.assignment))
        proven = tiling_bound(problem, self.objective, self._part(BOUND_SHARE))
        search = RowSearch(problem, self.objective, self._part(SEARCH_SHARE))
        runs = whole.assignment.placements[: len(self.whole.tasks)]
        starts = [[placement.mode for placement in runs], *proven.choices]
        choice = search.best(starts, counts)
        tried = Tried(search.tried, tuple(sorted(counts)), proven.lower_bound_ns)
        found = [Placed(self.whole, whole)]
        if choice is not None and self._is_worth(choice, whole, pace):
            # Where chunks do not fit the memory or the limits in time, the whole phase does.
            with suppress(InfeasibleError, TimeLimitError):
                found.append(self._cut(rows, flow, choice))
        best = min(found, key=lambda placed: placed.solution.value)
        solution = best.solution
        if self._left_s > 0 and not self.clock.is_over():
            solution = self._solve(best.priced, 1.0, solution.assignment)
        return Placed(best.priced, solution, best.tiling, tried)

    def _fewest(self, offered: Sequence[int], error: InfeasibleError) -> Placed:
        """Place the phase in the fewest chunks that fit, where the whole does not."""
        for chunks in sorted(offered):
            with suppress(InfeasibleError):
                return self.fixed(chunks)
        raise error

    def _is_worth(self, choice: Choice, whole: Solution, pace: float) -> bool:
        """Return whether to cut the phase: there is time, and it may be better than whole.

        Args:
            choice: How it would be cut.
            whole: Its answer if it is not.
            pace: Time of the wall that work has taken, relative to what was charged for it.
        """
        if not choice.counts or choice.value * REFINED >= whole.value or self.clock.is_over():
            return False
        cut_s = CUT_S * self._pieces(choice) * (1.0 if self.clock.counts_work else pace)
        return (1 + AFTER_SHARE) * cut_s < self.clock.left_s

    def _pieces(self, choice: Choice) -> int:
        return len(choice.modes) + sum(count - 1 for count in choice.counts.values())

    def _cut(self, rows: RowTasks, flow: RowFlow, choice: Choice) -> Placed:
        """Place the phase in the chunks that were chosen."""
        plan = rows.named(choice.counts)
        tiled = self._tiled(plan, self._pieces(choice))
        tasks = self.whole.posed.problem.tasks
        modes = [task.modes[mode] for task, mode in zip(tasks, choice.modes, strict=True)]
        start = self._start(tiled, modes, max(choice.counts.values()))
        return Placed(tiled, self._solve(tiled, CUT_SHARE, start), self._tiling(flow, plan))

    def _tiled(self, plan: TileRows, pieces: int) -> Priced:
        """Return the phase in chunks, and keep time for what follows its solves."""
        began_s = self.clock.wall_s
        self.clock.work.add(CUT_S * pieces)
        tiled = Priced.of(tile(self.whole.graph, plan), self.whole.target, self.steps)
        self.after_s = AFTER_SHARE * (self.clock.wall_s - began_s)
        return tiled

    def _tiling(self, flow: RowFlow, plan: TileRows) -> Tiling:
        chunks = plan.chunks
        cut = row_cuts(self.whole.graph, plan.carried, chunks)
        counts = Counter(chunks if isinstance(chunks, int) else chunks[name] for name in cut)
        by_chunks = dict(sorted(counts.items()))
        return Tiling(flow.axis, flow.extent, max(by_chunks, default=1), len(cut), by_chunks)

    def _start(self, tiled: Priced, modes: Sequence[Mode], most: int) -> Assignment | None:
        """Return the tasks of a cut phase where those are that they stem from."""
        place: dict[str, Place] = {}
        for task, mode in zip(self.whole.tasks, modes, strict=True):
            here = place_of(self.whole.posed.problem, mode)
            for op in task.ops:
                chunks = (chunk_name(op.name, index) for index in range(most))
                place |= dict.fromkeys((op.name, *op.outputs, *chunks), here)
        names = ([n for op in task.ops for n in (op.name, *op.outputs)] for task in tiled.tasks)
        known = [next((place[n] for n in found if n in place), None) for found in names]
        return assign(tiled.posed.problem, known)

    def _solve(self, priced: Priced, share: float, start: Assignment | None) -> Solution:
        """Solve within a share of what is left, which counts as used up."""
        span_s = max(LEAST_S, share * self._left_s)
        try:
            return self.solver(priced.posed.problem, self.clock.limits.within(span_s), start)
        finally:
            self.clock.work.add(span_s)

    @property
    def _left_s(self) -> float:
        kept_s = 0.0 if self.clock.counts_work else self.after_s
        return max(0.0, self.clock.left_s - kept_s)

    def _part(self, share: float) -> Clock:
        return self.clock.part(share * self.clock.left_s)

    def _may_price_more(self) -> bool:
        may = self._may_price() and not self.clock.is_over()
        self.clock.work.add(PRICED_S * len(self.whole.tasks))
        return may

    def _may_price(self, before_s: float = 0.0) -> bool:
        """Return whether, after so many s, there is time to price chunks of one more size."""
        end_s = self.clock.elapsed_s + before_s + PRICED_S * len(self.whole.tasks)
        return end_s <= PRICED_SHARE * self.clock.limits.span_s


def _streaming(graph: Graph) -> RowFlow | None:
    """Return the axis of the first input along which most of the work streams."""
    flows = [flow for flow in row_flows(graph) if any(flow.flows[way].flops for way in _STREAMS)]
    return max(flows, key=lambda f: sum(f.flows[way].flops for way in _STREAMS), default=None)


_STREAMS = (Flow.MAP, Flow.REDUCE)
