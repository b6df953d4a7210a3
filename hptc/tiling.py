"""Row tiling: in how many chunks of rows a phase is placed (DESIGN section 7).

The phase is placed whole; its devices are then those of its chunks, as a start from which the
chunks are placed anew.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hptc.errors import UsageError
from hptc.ir.axes import Flow, RowFlow, row_flows
from hptc.ir.graph import Graph
from hptc.partition.check import energy_pj
from hptc.partition.goal import Objective
from hptc.partition.limits import Clock, Limits
from hptc.partition.problem import Assignment, Problem, Solution
from hptc.partition.quick import quick_bound
from hptc.partition.warm import Place, assign, place_of
from hptc.schedule.priced import Priced
from hptc.target import Target
from passes import TileRows, tile
from passes.row_chunks import chunk_name
from passes.row_cuts import row_cuts

WHOLE_SHARE = 0.3
"""Share of the time in which the whole phase is placed before it is cut."""
TRIAL_SHARE = 0.5
"""Share of the time after which no further tiling is tried."""
REFINE_SHARE = 0.4
"""Share of the time left in which a tiling is placed anew."""
LEAST_S = 1.0
"""Least time or work of a solve in s."""
TRIAL_S = 2.5e-3
"""About how long trying a tiling takes, for each task of the whole phase and chunk, in s."""
COUNTS = (2, 4, 8, 16)
"""Numbers of chunks that are tried."""

Solver = Callable[[Problem, Limits, Assignment | None], Solution]
"""Solves a problem within limits, from an assignment if there is one."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a phase is cut."""

    axis: int
    """Of the first input."""
    extent: int
    chunks: int
    ops: int
    """Operations of the whole phase that run in chunks."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What other ways to cut a phase, and not to, were considered."""

    tilings: int
    lower_bound_ns: int
    """Proven for every one of them, and for the whole phase."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A phase, its answer, how it is cut (None: not at all), and what else was tried."""

    priced: Priced
    solution: Solution
    tiling: Tiling | None = None
    tried: Tried | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """A phase cut in one way."""

    priced: Priced
    tiling: Tiling
    start: Assignment | None
    """Its tasks where those of the whole phase are; None where that is not possible."""
    value: Fraction
    """Of the objective, for the start."""


@dataclass(frozen=True, slots=True)
class Tiler:
    """Places a phase in chunks of rows."""

    whole: Priced
    target: Target
    steps: int
    objective: Objective
    solver: Solver
    clock: Clock
    """Of everything; solves within parts of it."""

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
        coarse = self._solve(self.whole, WHOLE_SHARE, None)
        trial = self._trial(flow, chunks, None, coarse)
        return Placed(trial.priced, self._solve(trial.priced, 1.0, trial.start), trial.tiling)

    def best(self) -> Placed:
        """Place the phase whole or in chunks, whichever is better as far as the time shows."""
        if not self._has_time(COUNTS[0], WHOLE_SHARE * self.clock.left_s):
            return Placed(self.whole, self._solve(self.whole, 1.0, None))
        whole = Placed(self.whole, self._solve(self.whole, WHOLE_SHARE, None))
        trials = list(self._trials(whole.solution))
        finalists = _finalists(trials)
        found = [whole]
        for trial in finalists:
            solution = self._solve(trial.priced, REFINE_SHARE, trial.start)
            found.append(Placed(trial.priced, solution, trial.tiling))
        best = min(found, key=lambda placed: placed.solution.value)
        others = [placed.solution.lower_bound_ns for placed in found if placed is not best]
        others += [quick_bound(t.priced.posed.problem) for t in trials if t not in finalists]
        solution = self._solve(best.priced, 1.0, best.solution.assignment)
        bound_ns = min([solution.lower_bound_ns, *others])
        tried = Tried(len(trials), bound_ns) if trials else None
        return Placed(best.priced, solution, best.tiling, tried)

    def _solve(self, priced: Priced, share: float, start: Assignment | None) -> Solution:
        """Solve within a share of what is left, which counts as used up."""
        span_s = max(LEAST_S, share * self.clock.left_s)
        solution = self.solver(priced.posed.problem, self.clock.limits.within(span_s), start)
        self.clock.work.add(span_s)
        return solution

    def _trials(self, coarse: Solution) -> Iterator[_Trial]:
        """Yield tilings until the time is over; more chunks only where they help."""
        flow = _streaming(self.whole.graph)
        if flow is None:
            return
        least: dict[frozenset[str] | None, Fraction | None]
        least = dict.fromkeys(self._choices(flow, coarse))
        for chunks in COUNTS:
            for chosen, before in list(least.items()):
                if chunks > flow.extent or not self._has_time(chunks):
                    return
                trial = self._trial(flow, chunks, chosen, coarse)
                helps = before is None or trial.value < before
                if trial.start is None or not trial.tiling.ops or not helps:
                    del least[chosen]
                    continue
                least[chosen] = trial.value
                yield trial

    def _has_time(self, chunks: int, before_s: float = 0.0) -> bool:
        """Return whether a trial after so many s would end in time for what it is good for."""
        end_s = self.clock.elapsed_s + before_s + self._trial_s(chunks)
        return end_s <= TRIAL_SHARE * self.clock.limits.span_s

    def _trial_s(self, chunks: int) -> float:
        return TRIAL_S * len(self.whole.tasks) * chunks

    def _choices(self, flow: RowFlow, coarse: Solution) -> list[frozenset[str] | None]:
        """Return what may be cut.

        All that maps or accumulates; what reads matrices that stay in place; also the tasks beside
        that, as far as they map; all that maps.
        """
        posed, tasks = self.whole.posed, self.whole.tasks
        cuts = row_cuts(self.whole.graph, flow.carried, COUNTS[0])
        maps = frozenset(name for name, way in cuts.items() if way.flow is Flow.MAP)
        modes = posed.chosen(coarse.assignment)
        held = {index for index, mode in enumerate(modes) if mode.matrix is not None}
        ends = [{value.src, *value.readers} for value in posed.problem.values]
        beside = held.union(*(pair for pair in ends if not pair.isdisjoint(held)))
        near = [
            maps.intersection(op.name for index in indices for op in tasks[index].ops)
            for indices in (held, beside)
        ]
        return [None, *(names for names in near if names), maps]

    def _trial(
        self, flow: RowFlow, chunks: int, chosen: Iterable[str] | None, coarse: Solution
    ) -> _Trial:
        """Cut the phase, with its tasks where those of the whole phase are."""
        plan = TileRows(flow.carried, chunks)
        if chosen is not None:
            plan = replace(plan, chunks=dict.fromkeys(chosen, chunks))
        priced = Priced.of(tile(self.whole.graph, plan), self.target, self.steps)
        self.clock.work.add(self._trial_s(chunks))
        cut = row_cuts(self.whole.graph, plan.carried, plan.chunks)
        tiling = Tiling(flow.axis, flow.extent, chunks, len(cut))
        start = assign(priced.posed.problem, self._places(priced, tiling, coarse))
        if start is None:
            return _Trial(priced, tiling, None, Fraction(0))
        energy = energy_pj(priced.posed.problem, start)
        return _Trial(priced, tiling, start, self.objective.value(start.makespan_ns, energy))

    def _places(self, priced: Priced, tiling: Tiling, coarse: Solution) -> list[Place | None]:
        """Return the place of each task of a cut phase, from the operations it stems from."""
        modes = self.whole.posed.chosen(coarse.assignment)
        place: dict[str, Place] = {}
        for task, mode in zip(self.whole.tasks, modes, strict=True):
            for op in task.ops:
                chunks = (chunk_name(op.name, index) for index in range(tiling.chunks))
                here = place_of(self.whole.posed.problem, mode)
                place |= dict.fromkeys((op.name, *op.outputs, *chunks), here)
        names = ([n for op in task.ops for n in (op.name, *op.outputs)] for task in priced.tasks)
        return [next((place[n] for n in known if n in place), None) for known in names]


def _finalists(trials: Sequence[_Trial]) -> list[_Trial]:
    """Return what is placed anew: the best start, and what leaves most to the search."""
    by_value = sorted(trials, key=lambda trial: trial.value)
    by_size = sorted(trials, key=lambda trial: (-trial.tiling.ops, trial.tiling.chunks))
    return list(dict.fromkeys(by_value[:1] + by_size[:1]))


def _streaming(graph: Graph) -> RowFlow | None:
    """Return the axis of the first input along which most of the work streams."""
    flows = [flow for flow in row_flows(graph) if any(flow.flows[way].flops for way in _STREAMS)]
    return max(flows, key=lambda f: sum(f.flows[way].flops for way in _STREAMS), default=None)


_STREAMS = (Flow.MAP, Flow.REDUCE)
