"""From the makespan relaxation to a bound and to seeds."""

from collections.abc import Iterator, Sequence

from hptc.partition.decode import Schedule, decode, decode_by_rank, legal_order
from hptc.partition.heuristics import earliest_finish
from hptc.partition.instance import Instance
from hptc.partition.lp import Solving
from hptc.partition.relax import Relaxation, relaxation
from hptc.partition.search import Incumbent

FLOOR = 0.02
"""A mode with a smaller share in the relaxation is not considered."""
POLL_S = 0.02


class Relaxing:
    """The relaxation of a search, solved beside it and used as soon as it is there."""

    def __init__(self, search: Incumbent) -> None:
        self._search = search
        self._relaxation = relaxation(search.instance, search.schedule.makespan)
        self._solving: Solving | None = Solving(self._relaxation.rows, search.clock.left_s)

    def collect(self, time_s: float) -> None:
        """Take the result if it comes within `time_s` s: raise the bound, offer the seeds."""
        if self._solving is None:
            return
        while self._solving.is_running and time_s > 0 and not self._search.is_done:
            self._solving.wait(POLL_S)
            time_s -= POLL_S
        if self._solving.is_running:
            return
        optimum = self._solving.optimum()
        self._solving = None
        if optimum is None:
            return
        self._search.raise_bound(0, optimum.bound)
        for schedule in rounded(self._search.instance, self._relaxation, optimum.values):
            self._search.offer(schedule, "relaxation")

    def close(self) -> None:
        """Stop the solver if it still runs."""
        if self._solving is not None:
            self._solving.cancel()


def rounded(
    instance: Instance, relaxed: Relaxation, values: Sequence[float]
) -> Iterator[Schedule]:
    """Yield schedules near a fractional solution: largest share, and earliest finish among shares."""
    shares = [[values[variable] for variable in row] for row in relaxed.chosen]
    start = [values[variable] for variable in relaxed.start]
    order = legal_order(instance, start)
    largest = [max(range(len(row)), key=row.__getitem__) for row in shares]
    choices = [largest]
    for floor in (FLOOR, -1.0):
        allowed = [[m for m, share in enumerate(row) if share > floor] for row in shares]
        horizon = relaxed.rows.upper[relaxed.makespan]
        bias = [[(1 - share) * horizon * (floor < 0) for share in row] for row in shares]
        greedy = earliest_finish(instance, allowed, order, bias)
        if greedy is not None:
            choices.append(greedy)
    for modes in choices:
        if instance.admits(modes):
            yield decode(instance, modes, order)
            yield decode_by_rank(instance, modes)
