"""CP-SAT on the whole problem beside the search: one set of devices after the other."""

import math
from collections import defaultdict
from dataclasses import replace

from hptc.partition.fronts.frontiers import Frontiers
from hptc.partition.fronts.question import MOST_TASKS, Answer, Asking, Question, question
from hptc.partition.objective import latest_end
from hptc.partition.search import Incumbent

FIRST_S, FIRST_MAKESPAN_SHARE = 2.0, 0.1
"""Limit in s of the first question about a set of devices; where only the makespan counts, of the
time of the search: those are answered soon or not at all."""
GROWTH = 3
"""Factor between the limit of the first and that of the two next questions, and so on."""
KINDS = 3
"""Of as many questions the first two are about the latency alone, the second of them climbs: where
static power weighs most, a set is refuted by its latency soonest."""
SHARE, MAKESPAN_SHARE = 0.5, 0.04
"""Share of the time that may go into questions while they do not raise the bound; where only the
makespan counts, windows make better use of the rest."""
STALLED_SHARE = 0.5
"""Share of the time since the search has last found a better schedule that may go there too."""


class Proofs:
    """Raises the bound of a search by questions about the devices that bound it least."""

    def __init__(self, search: Incumbent) -> None:
        self._search = search
        self._is_wanted = search.instance.tasks <= MOST_TASKS and search.clock.limits.parts.proofs
        self._goal = search.objective
        self._frontiers: Frontiers | None = None
        self._first_s = FIRST_MAKESPAN_SHARE * search.clock.limits.span_s
        self._share = MAKESPAN_SHARE
        if not self._goal.is_makespan:
            self._first_s, self._share = FIRST_S, SHARE
            latest_ns = self._goal.within(latest_end(search.instance))
            self._goal = replace(self._goal, latency_limit_ns=latest_ns)
            self._frontiers = Frontiers(self._goal, search.proven)
        self._times_asked: dict[frozenset[int], int] = defaultdict(int)
        self._final: set[Question] = set()
        self._fastest: set[frozenset[int]] = set()
        """Sets whose least latency is known."""
        self._asking: Asking | None = None
        self._begun_s = 0.0
        """When it was begun."""
        self._spent_s = 0.0
        """In questions since one has raised the bound."""

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
        stalled_s = clock.elapsed_s - self._search.improved_s
        may_spend_s = self._share * clock.elapsed_s + STALLED_SHARE * stalled_s
        if self._spent_s <= may_spend_s and self._ask() and clock.counts_work:
            self._take()

    def exhaust(self) -> None:
        """Ask until nothing raises the bound any more, or the time is over."""
        self._take()
        while self._ask():
            self._take()

    def _ask(self) -> bool:
        """Begin to ask what raises the bound; return whether there is anything."""
        clock = self._search.clock
        if not self._is_wanted or self._search.is_done:
            return False
        asked = self._next()
        if asked is None:
            return False
        times = self._times_asked[asked.devices]
        self._times_asked[asked.devices] += 1
        if times % KINDS != KINDS - 1 and asked.devices not in self._fastest:
            asked = replace(asked, below=asked.until_ns + 1, price=None)
        limit_s = self._first_s * GROWTH ** ((times + 1) // 2)
        self._asking = Asking(
            self._search.instance, asked, clock, limit_s, climbs=times % KINDS == 1
        )
        self._begun_s = clock.elapsed_s
        return True

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
            everywhere, until_ns = frozenset(range(search.instance.devices)), int(search.value) - 1
            if search.enough is not None:
                until_ns = min(until_ns, int(search.enough))
            found = Question(everywhere, search.bound_ns, until_ns, until_ns + 1)
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
        search, asked, before = self._search, self._asking.asked, self._search.bound
        answer, self._asking = self._asking.answer(), None
        self._learn(asked, answer)
        raised = search.bound > before
        self._spent_s = 0.0 if raised else self._spent_s + search.clock.elapsed_s - self._begun_s

    def _learn(self, asked: Question, answer: Answer) -> None:
        search = self._search
        if answer.is_final:
            self._final.add(asked)
        if answer.is_final and answer.schedule is not None and asked.price is None:
            self._fastest.add(asked.devices)
        if answer.schedule is not None:
            search.offer(answer.schedule, "exact")
        if self._frontiers is None:
            search.raise_bound(answer.bound)
            return
        answer.teach(search.proven, asked)
        search.raise_bound(self._frontiers.bound(search.bound_ns))
