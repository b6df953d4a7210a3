"""CP-SAT on the whole problem beside the search: one set of devices after the other."""

import math
from dataclasses import replace

from hptc.partition.frontier import Support
from hptc.partition.frontiers import Frontiers
from hptc.partition.objective import latest_end
from hptc.partition.question import Asking, Question, question
from hptc.partition.search import Incumbent

MOST_TASKS = 400
"""CP-SAT is not asked about larger problems."""
FIRST_S = 1.0
"""Limit in s of the first question about a set of devices; each further one has twice that."""
WORK_SHARE = 0.25
"""Share of the work that may go into questions, where work is limited."""


class Proofs:
    """Raises the bound of a search by questions about the devices that bound it least."""

    def __init__(self, search: Incumbent) -> None:
        self._search = search
        self._is_wanted = search.instance.tasks <= MOST_TASKS and search.clock.limits.parts.proofs
        self._goal = search.objective
        self._frontiers: Frontiers | None = None
        if not self._goal.is_makespan:
            latest_ns = self._goal.within(latest_end(search.instance))
            self._goal = replace(self._goal, latency_limit_ns=latest_ns)
            self._frontiers = Frontiers(self._goal, search.proven)
        self._limit_s: dict[frozenset[int], float] = {}
        self._final: set[Question] = set()
        self._asking: Asking | None = None
        self._work_s = 0.0

    @property
    def is_running(self) -> bool:
        """Whether an answer is still to come."""
        return self._asking is not None and self._asking.is_running

    def collect(self) -> None:
        """Take an answer that has come, and ask on; where work is limited, wait for it."""
        if self.is_running:
            return
        self._take()
        clock = self._search.clock
        if not self._is_wanted or self._search.is_done:
            return
        if clock.counts_work and self._work_s > WORK_SHARE * clock.elapsed_s:
            return
        asked = self._next()
        if asked is None:
            return
        limit_s = self._limit_s.get(asked.devices, FIRST_S)
        self._limit_s[asked.devices] = 2 * limit_s
        own_s = limit_s if clock.counts_work else None
        self._asking = Asking(self._search.instance, asked, clock, limit_s, work_s=own_s)
        if clock.counts_work:
            self._take()

    def end(self) -> None:
        """Stop asking, and take what is proven by then."""
        self._is_wanted = False
        if self._asking is not None:
            self._asking.stop()
        self._take()

    def _next(self) -> Question | None:
        """Return what to ask, None where nothing would raise the bound."""
        search = self._search
        if math.isinf(search.value):
            return None
        if self._frontiers is None:
            value, everywhere = int(search.value), frozenset(range(search.instance.devices))
            found = Question(everywhere, search.bound_ns, value - 1, value)
        else:
            worst = self._frontiers.worst(search.bound_ns)
            if worst is None or worst[0].value >= search.value:
                return None
            best = (search.schedule.makespan, search.energy_pj)
            found = question(worst[1], self._goal, search.bound_ns, *best)
        return None if found in self._final else found

    def _take(self) -> None:
        """Learn from the answer to what was asked last."""
        if self._asking is None:
            return
        search, asked = self._search, self._asking.asked
        before_s = search.clock.elapsed_s
        answer, self._asking = self._asking.answer(), None
        self._work_s += search.clock.elapsed_s - before_s
        if answer.is_final:
            self._final.add(asked)
        if answer.schedule is not None:
            search.offer(answer.schedule, "exact")
        if self._frontiers is None or asked.price is None:
            search.raise_bound(answer.bound)
        else:
            known = Support(asked.price, answer.bound, asked.until_ns)
            search.proven.support(asked.devices, known)
            search.raise_bound(self._frontiers.bound(search.bound_ns))
