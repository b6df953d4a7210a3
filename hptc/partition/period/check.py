"""The independent judge of steady states: it shares no code with the solvers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from hptc.partition.check import check_choices, check_values
from hptc.partition.check_busy import (
    Span,
    broken,
    busy_links,
    busy_tasks,
    check_exclusive,
    check_units,
    chosen_modes,
    label,
)
from hptc.partition.period.periodic import Periodic
from hptc.partition.problem import Problem
from hptc.partition.reruns import answered

Held = tuple[int, int, int]
"""From when to when in ns how many bytes are held."""


def check_periodic(problem: Problem, periodic: Periodic) -> None:
    """Prove that steps which start at every period keep every rule of their problem.

    Raises:
        VerifyError: names the broken rule and who breaks it.
    """
    period_ns, assignment = periodic.period_ns, periodic.assignment
    if period_ns < 1:
        raise broken("a period", "at least 1 ns", period_ns)
    problem = answered(problem, assignment)
    check_choices(problem, assignment)
    check_values(problem, assignment, period_ns)
    for rule, units, spans in (*busy_tasks(problem, assignment), *busy_links(problem, assignment)):
        _check_busy(rule, units, spans, period_ns)
    _check_written(problem, periodic)
    for device, used in zip(problem.devices, memory_bytes(problem, periodic), strict=True):
        if device.memory_bytes is not None and used > device.memory_bytes:
            rule = f"memory of {device.name} in the steady state"
            raise broken(rule, f"at most {device.memory_bytes} bytes", f"{used} bytes")


def _check_written(problem: Problem, periodic: Periodic) -> None:
    """Prove that what is written is read before the next step writes the same crossbars."""
    modes, placements = chosen_modes(problem, periodic.assignment), periodic.assignment.placements
    for t in periodic.assignment.transfers:
        value, device = problem.values[t.value], problem.links[t.link].dst
        for write in (each for each in value.writes if each.device == device):
            readers = (reader for reader in value.readers if modes[reader].device == device)
            last_ns = max(placements[reader].end_ns for reader in readers)
            span_ns = last_ns - (t.end_ns - write.duration_ns)
            if span_ns > periodic.period_ns:
                wanted = f"{label(problem, t.value)} read within a period of its write"
                raise broken("crossbars hold the value of one step", wanted, f"{span_ns} ns")


def memory_bytes(problem: Problem, periodic: Periodic) -> list[int]:
    """Return the most bytes that lie on each device at a time, copies of several steps included."""
    held: dict[int, list[Held]] = defaultdict(list)
    for device, copy in _copies(problem, periodic):
        held[device].append(copy)
    return [_peak(held[d], periodic.period_ns) for d in range(len(problem.devices))]


def _check_busy(rule: str, units: int, spans: Sequence[Span], period_ns: int) -> None:
    """Lay all spans round the circle; of several units, those of whole turns are always busy."""
    if units == 1:
        for start, end, name in spans:
            if end - start > period_ns:
                raise broken(rule, f"{name} to take at most a period", f"{end - start} ns")
        check_exclusive(rule, _two_turns(spans, period_ns))
        return
    always = sum((end - start) // period_ns for start, end, _ in spans)
    if always > units:
        raise broken(rule, units, f"{always} that are always busy")
    rests = ((start, start + (end - start) % period_ns, name) for start, end, name in spans)
    check_units(rule, units - always, _two_turns(rests, period_ns))


def _two_turns(spans: Iterable[Span], period_ns: int) -> Iterator[Span]:
    """Yield the spans of two steps in a row: whatever overlaps in any two does so there."""
    for start, end, name in spans:
        for shift in (start % period_ns - start, start % period_ns - start + period_ns):
            yield start + shift, end + shift, name


def _copies(problem: Problem, periodic: Periodic) -> Iterator[tuple[int, Held]]:
    """Yield device and time of all that step 0 has anywhere for a time.

    A value lies where it is made, or sent, from the start of that until its last reader and
    transfer there have ended; a carried one on its home always, so for a period at least. What is
    resident serves all steps.
    """
    assignment, period_ns = periodic.assignment, periodic.period_ns
    modes, placements = chosen_modes(problem, assignment), assignment.placements
    begun: dict[tuple[int, int], int] = {}
    used: dict[tuple[int, int], int] = {}
    for v, value in enumerate(problem.values):
        place = v, modes[value.src].device
        begun[place] = placements[value.src].start_ns
        used[place] = placements[value.src].end_ns
        if value.carried:
            used[place] = max(used[place], begun[place] + period_ns)
    late = [value.carried * period_ns for value in problem.values]
    for t in assignment.transfers:
        link = problem.links[t.link]
        begun[t.value, link.dst] = used[t.value, link.dst] = t.start_ns + late[t.value]
        home = t.value, link.src
        used[home] = max(used[home], t.end_ns + late[t.value])
    for v, value in enumerate(problem.values):
        for reader in value.readers:
            place = v, modes[reader].device
            used[place] = max(used[place], placements[reader].end_ns + late[v])
    for (v, device), begin in begun.items():
        yield device, (begin, used[v, device], problem.values[v].bytes)
    for resident in problem.residents:
        for device in {modes[reader].device for reader in resident.readers}:
            yield device, (0, period_ns, resident.bytes)


def _peak(copies: Iterable[Held], period_ns: int) -> int:
    """Return the most bytes at a time: those of whole turns, and the peak of the rests."""
    always = wrapped = 0
    changes: list[tuple[int, int]] = []
    for begin, end, size in copies:
        turns, rest = divmod(end - begin, period_ns)
        always += turns * size
        start = begin % period_ns
        if rest:
            stop = start + rest
            wrapped += size * (stop >= period_ns)
            changes += [(start, size), (stop % period_ns, -size)]
    now, peak = wrapped, 0
    for _, change in sorted(changes):
        now += change
        peak = max(peak, now)
    return always + peak
