"""The shortest schedules within memories, by trying all."""

import math
from dataclasses import replace

from hypothesis import strategies as st

from hptc.errors import VerifyError
from hptc.partition.check import check
from hptc.partition.problem import Assignment, Placement, Problem, Resident, Transfer
from tests.partition_cases import Events, problems


@st.composite
def tight_problems(draw: st.DrawFn) -> Problem:
    """Draw a problem of two or three tasks where memory matters."""
    problem = draw(problems(most_tasks=3))
    devices = tuple(
        replace(device, memory_bytes=draw(st.sampled_from([None, 4, 7, 12])))
        for device in problem.devices
    )
    everybody = st.sets(st.integers(0, len(problem.tasks) - 1))
    residents = st.builds(Resident, everybody.map(sorted).map(tuple), st.integers(0, 4))
    found = draw(st.lists(residents, max_size=2))
    return replace(problem, devices=devices, residents=tuple(found))


def shortest_within(events: Events, problem: Problem) -> float:
    """Return the least makespan of all schedules that the checker lets pass.

    Some shortest schedule starts every event at 0 or at the end of another: what starts earlier
    takes no more room than it had later, up to the moment where something ends.
    """
    best = math.inf

    def extend(spans: dict[int, tuple[int, int]], now: int, makespan: int) -> None:
        nonlocal best
        if makespan >= best:
            return
        if len(spans) == len(events):
            if _passes(events, problem, spans):
                best = makespan
            return
        moments = sorted({0, *(end for _, end in spans.values())})
        for index, event in enumerate(events):
            if index in spans or not event["after"] <= spans.keys():
                continue
            ready = max((spans[before][1] for before in event["after"]), default=0)
            for begin in moments:
                if begin >= max(now, ready):
                    end = begin + event["length"]
                    later = max(makespan, end) if event["task"] else makespan
                    extend(spans | {index: (begin, end)}, begin, later)

    extend({}, 0, 0)
    return best


def _passes(events: Events, problem: Problem, spans: dict[int, tuple[int, int]]) -> bool:
    links = {(link.src, link.dst): index for index, link in enumerate(problem.links)}
    count = len(problem.tasks)
    placements = tuple(
        Placement(problem.tasks[t].modes.index(events[t]["mode"]), *spans[t]) for t in range(count)
    )
    transfers = []
    for index in range(count, len(events)):
        v, target = events[index]["sent"]
        source = events[problem.values[v].src]["mode"].device
        transfers.append(Transfer(v, links[source, target], *spans[index]))
    try:
        check(problem, Assignment(placements, tuple(transfers)))
    except VerifyError:
        return False
    return True
