"""From relaxations to bounds and to seeds."""

from collections.abc import Iterator, Sequence

from hptc.partition.bounds.chain import Stretch
from hptc.partition.bounds.loads import Relaxation
from hptc.partition.bounds.lp import Solving, work_s
from hptc.partition.bounds.priced import FEWEST_TASKS
from hptc.partition.bounds.relax import Detail, relaxation
from hptc.partition.decode import Schedule, by_start, legal_order
from hptc.partition.fronts.frontiers import Frontiers, Query
from hptc.partition.instance import Instance
from hptc.partition.objective import latest_end, longest
from hptc.partition.search import Incumbent
from hptc.partition.seeds.greedy import earliest_finish
from hptc.partition.seeds.heuristics import decoded

FLOOR = 0.02
"""A mode with a smaller share in the relaxation is not considered."""
POLL_S = 0.02
WORK_SHARE = 0.5
"""Where work is limited, the share of what was done that relaxations may have beyond their time."""
MOST_MODES = 500_000
"""Modes of all tasks beyond which no program is made: it would take some GiB."""
NEGLIGIBLE_PATH = 0.5
"""Share of the loads' bound up to which the longest path changes little of it."""
LONGEST_S = 30.0
"""Longest solve of one relaxation in s: it cannot be cancelled when the search ends early."""


class Relaxing:
    """The relaxations of a search, solved one after another beside it.

    The loads of the devices come first: they are quick. More detail follows. Each begins with the
    makespan; where energies count, what bounds both together comes next, as long as it raises the
    bound.
    """

    def __init__(self, search: Incumbent, paths_ns: int) -> None:
        self._search = search
        details = [] if search.proven.is_relaxed else _details(search, paths_ns)
        self._waiting: list[Detail] = [each for each in details if each is not Detail.SIDES]
        """For the makespan."""
        self._joins = Detail.SIDES in details
        """Whether the last one waits for what segments prove."""
        self._detail = Detail.PATHS
        """Of the one at hand."""
        self._stretches: Sequence[Stretch] = ()
        self._work_s = 0.0
        self._query: Query | None = None
        self._frontiers: Frontiers | None = None
        if not search.objective.is_makespan:
            self._frontiers = Frontiers(search.objective, search.proven)
        self._start_next()

    def join(self, stretches: Sequence[Stretch]) -> None:
        """Solve the last one too, with what is proven of stretches of a longest path."""
        if self._joins and not self._search.is_done:
            self._joins, self._stretches = False, stretches
            self._waiting.append(Detail.SIDES)
            if self._solving is None:
                self._start_next()

    def collect(self, time_s: float) -> None:
        """Take results that come within `time_s` s: raise the bound, offer the seeds."""
        until_s = self._search.clock.elapsed_s + time_s
        self._raise_bound()
        while self._solving is not None and not self._search.is_done:
            if not self._is_due(self._solving, until_s):
                return
            if self._solving.is_running:
                self._solving.wait(POLL_S)
            else:
                self._take(self._solving)

    @property
    def is_running(self) -> bool:
        """Whether one is being solved."""
        return self._solving is not None and self._solving.is_running

    def _is_due(self, solving: Solving, until_s: float) -> bool:
        """Whether to wait for a result or take it; where work is limited, however long it takes."""
        clock = self._search.clock
        if clock.elapsed_s < until_s:
            return True
        if clock.counts_work:
            return self._work_s < WORK_SHARE * clock.elapsed_s
        return not solving.is_running

    def _start_next(self) -> None:
        self._solving: Solving | None = None
        search = self._search
        if not self._choose():
            return
        longest_s = min(search.clock.left_s, LONGEST_S)
        if self._detail is not Detail.DEVICES and work_s(search.instance.pairs) > longest_s:
            return
        if self._query is None:
            horizon = longest(search.instance, search.objective, search.schedule.makespan)
            self._relaxed = relaxation(search.instance, horizon, self._detail, self._stretches)
            self._relaxed.minimise_makespan()
        else:
            self._relaxed = priced(search.instance, self._query)
        rows = self._relaxed.rows
        longest_s = min(search.clock.left_s - rows.take_in_s, LONGEST_S)
        if rows.work_s <= longest_s:
            self._solving = Solving(rows, None if search.clock.counts_work else longest_s)

    def _choose(self) -> bool:
        """Set what is next; return whether there is anything."""
        search, self._query = self._search, None
        if self._frontiers is not None and Detail.DEVICES not in self._waiting:
            self._query = self._frontiers.next_query(search.bound_ns, loads_first=True)
        if self._waiting and (self._query is None or self._query.has_values):
            self._detail, self._query = self._waiting.pop(0), None
            return True
        if self._query is None:
            return False
        self._detail = _detail_of(self._query)
        return True

    def _take(self, solving: Solving) -> None:
        search, optimum = self._search, solving.optimum()
        done_s = self._relaxed.rows.work_s
        self._work_s += done_s
        search.clock.work.add(done_s)
        if optimum is None and self._query is None:
            self._waiting, self._solving, self._frontiers = [], None, None
            self._joins = False
            return
        if optimum is not None and search.clock.limits.parts.rounding:
            for schedule in self._schedules(optimum.values):
                search.offer(schedule, "relaxation")
                if search.clock.is_over():
                    break
        if self._frontiers is not None and self._query is not None:
            if optimum is None:
                self._frontiers.give_up(self._query)
            else:
                end_ns = optimum.values[self._relaxed.makespan] * optimum.scale
                self._frontiers.learn(self._query, optimum.bound, end_ns)
        elif optimum is not None:
            search.raise_bound(0, optimum.bound)
            search.proven.is_relaxed = not (self._waiting or self._joins)
        self._raise_bound()
        self._start_next()

    def _schedules(self, values: Sequence[float]) -> Iterator[Schedule]:
        if self._detail is not Detail.DEVICES:
            yield from rounded(self._search.instance, self._relaxed, values)

    def _raise_bound(self) -> None:
        if self._frontiers is not None:
            self._search.raise_bound(self._frontiers.bound(self._search.bound_ns))


def _details(search: Incumbent, paths_ns: int) -> list[Detail]:
    """Return what is worth solving, given what paths prove and what prices have proven."""
    instance = search.instance
    if sum(map(len, instance.device)) > MOST_MODES:
        return []
    is_large = instance.tasks >= FEWEST_TASKS
    if instance.is_dense or (is_large and paths_ns < NEGLIGIBLE_PATH * search.bound_ns):
        return [Detail.DEVICES]
    # Of large problems segments prove more, and windows need the time.
    return [Detail.DEVICES, Detail.PATHS] if is_large else list(Detail)


def _detail_of(query: Query) -> Detail:
    return Detail.PATHS if query.has_values else Detail.DEVICES


def priced(instance: Instance, query: Query) -> Relaxation:
    """Return the relaxation that answers a query about schedules of any length."""
    relaxed = relaxation(instance, latest_end(instance), _detail_of(query))
    relaxed.minimise_energy(instance, query.powered, query.price)
    return relaxed


def rounded(instance: Instance, relaxed: Relaxation, values: Sequence[float]) -> Iterator[Schedule]:
    """Yield schedules near a fractional solution: largest shares, earliest finish among shares."""
    shares = [[values[variable] for variable in row] for row in relaxed.chosen]
    start = [values[variable] for variable in relaxed.start]
    order = legal_order(instance, start)
    choices = [_largest(instance, relaxed, values)]
    for floor in (FLOOR, -1.0):
        allowed = [[m for m, share in enumerate(row) if share > floor] for row in shares]
        horizon = relaxed.rows.upper[relaxed.makespan]
        bias = [[(1 - share) * horizon * (floor < 0) for share in row] for row in shares]
        greedy = earliest_finish(instance, allowed, order, bias)
        if greedy is not None:
            choices.append(greedy)
    for modes in choices:
        yield from decoded(instance, modes, order)


def nearest(
    instance: Instance, relaxed: Relaxation, values: Sequence[float], known: Schedule
) -> Iterator[Schedule]:
    """Yield schedules of the largest shares: in the order of a known schedule, and by ranks."""
    return decoded(instance, _largest(instance, relaxed, values), by_start(instance, known))


def _largest(instance: Instance, relaxed: Relaxation, values: Sequence[float]) -> list[int]:
    shares = ([values[variable] for variable in row] for row in relaxed.chosen)
    return instance.settled([max(range(len(row)), key=row.__getitem__) for row in shares])
