"""The independent judge of assignments: it shares no code with the solvers."""

import math
from collections import defaultdict
from collections.abc import Iterable

from hptc.errors import VerifyError
from hptc.partition.goal import Objective
from hptc.partition.problem import Assignment, Mode, Problem


def check(problem: Problem, assignment: Assignment) -> None:
    """Prove that an assignment keeps every rule of its problem.

    Raises:
        VerifyError: names the broken rule and who breaks it.
    """
    if len(assignment.placements) != len(problem.tasks):
        count = len(problem.tasks)
        raise _broken("one placement per task", count, len(assignment.placements))
    _check_tasks(problem, assignment)
    _check_groups(problem, assignment)
    _check_resources(problem, assignment)
    _check_capacity(problem, assignment)
    _check_transfers(problem, assignment)
    _check_values(problem, assignment)
    _check_memory(problem, assignment)


def check_limits(problem: Problem, assignment: Assignment, objective: Objective) -> None:
    """Prove that an assignment keeps the limits on latency and energy; raises VerifyError."""
    taken = {
        "latency limit in ns": (assignment.makespan_ns, objective.latency_limit_ns),
        "energy limit in pJ": (energy_pj(problem, assignment), objective.energy_limit_pj),
    }
    for rule, (found, limit) in taken.items():
        if limit is not None and found > limit:
            raise _broken(rule, f"at most {limit}", found)


def energy_pj(problem: Problem, assignment: Assignment) -> float:
    """Return the energy of one step in pJ.

    Modes, transfers, and the static power of every used device over the makespan.
    """
    chosen = _chosen(problem, assignment)
    dynamic = sum(mode.energy_pj for mode in chosen)
    moved = sum(
        problem.values[t.value].bytes * problem.links[t.link].energy_pj_per_byte
        for t in assignment.transfers
    )
    powered = {mode.device for mode in chosen}
    power = sum(problem.devices[device].static_power_pj_per_ns for device in sorted(powered))
    return float(dynamic + moved + power * assignment.makespan_ns)


def _broken(rule: str, expected: object, found: object) -> VerifyError:
    return VerifyError(
        f"assignment breaks the rule {rule!r}", expected=str(expected), found=str(found)
    )


def _chosen(problem: Problem, assignment: Assignment) -> list[Mode]:
    pairs = zip(problem.tasks, assignment.placements, strict=True)
    return [task.modes[placement.mode] for task, placement in pairs]


def _check_tasks(problem: Problem, assignment: Assignment) -> None:
    for task, placement in zip(problem.tasks, assignment.placements, strict=True):
        if not 0 <= placement.mode < len(task.modes):
            raise _broken("known mode", f"a mode of {task.name}", placement.mode)
        if placement.start_ns < 0:
            raise _broken("no start before 0", f"{task.name} from 0 on", placement.start_ns)
        took = placement.end_ns - placement.start_ns
        if took != task.modes[placement.mode].duration_ns:
            wanted = f"{task.name} to take {task.modes[placement.mode].duration_ns} ns"
            raise _broken("task duration", wanted, took)


def _check_exclusive(rule: str, spans: Iterable[tuple[int, int, str]]) -> None:
    last: tuple[int, int, str] | None = None
    for span in sorted(spans):
        if last is not None and span[0] < last[1]:
            found = f"{last[2]} until {last[1]} and {span[2]} from {span[0]}"
            raise _broken(rule, "one at a time", found)
        last = span


def _check_resources(problem: Problem, assignment: Assignment) -> None:
    rows: dict[tuple[int, int | None], list[tuple[int, int, str]]] = defaultdict(list)
    for task, placement, mode in zip(
        problem.tasks, assignment.placements, _chosen(problem, assignment), strict=True
    ):
        spatial = problem.devices[mode.device].capacity_crossbars is not None
        row = (mode.device, mode.matrix if spatial else None)
        rows[row].append((placement.start_ns, placement.end_ns, task.name))
    for (device, matrix), spans in rows.items():
        name = problem.devices[device].name
        at = name if matrix is None else f"{name}/{problem.matrices[matrix].name}"
        units = problem.devices[device].count
        if units == 1:
            _check_exclusive(f"one task at a time on {at}", spans)
        else:
            _check_units(f"at most {units} tasks at a time on {at}", units, spans)


def _check_units(rule: str, units: int, spans: Iterable[tuple[int, int, str]]) -> None:
    """Count who runs at the start of each; one that takes no time takes no unit."""
    running: list[tuple[int, int, str]] = []
    for start, end, name in sorted(span for span in spans if span[0] < span[1]):
        running = [span for span in running if span[1] > start]
        running.append((start, end, name))
        if len(running) > units:
            names = ", ".join(span[2] for span in running)
            raise _broken(rule, units, f"{names} at {start}")


def _check_groups(problem: Problem, assignment: Assignment) -> None:
    chosen = _chosen(problem, assignment)
    for group in problem.together:
        devices = {problem.devices[chosen[task].device].name for task in group}
        if len(devices) > 1:
            names = ", ".join(problem.tasks[task].name for task in group)
            raise _broken("groups share a device", f"{names} on one", ", ".join(sorted(devices)))


def _check_capacity(problem: Problem, assignment: Assignment) -> None:
    used: dict[int, set[int]] = defaultdict(set)
    for mode in _chosen(problem, assignment):
        if mode.matrix is not None:
            used[mode.device].add(mode.matrix)
    for device, matrices in used.items():
        capacity = problem.devices[device].capacity_crossbars
        total = sum(problem.matrices[matrix].crossbars for matrix in matrices)
        if capacity is not None and total > capacity:
            rule = f"crossbar capacity of {problem.devices[device].name}"
            raise _broken(rule, f"at most {capacity}", total)


def _check_transfers(problem: Problem, assignment: Assignment) -> None:
    spans: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    chosen = _chosen(problem, assignment)
    for t in assignment.transfers:
        if not (0 <= t.value < len(problem.values) and 0 <= t.link < len(problem.links)):
            raise _broken("known transfer", "a value and a link of the problem", t)
        value, link = problem.values[t.value], problem.links[t.link]
        label = f"value {t.value} of {problem.tasks[value.src].name}"
        took = math.ceil(link.latency_ns + value.bytes / link.bandwidth_bytes_per_ns)
        if t.end_ns - t.start_ns != took:
            raise _broken("transfer duration", f"{label} to take {took} ns", t.end_ns - t.start_ns)
        if chosen[value.src].device != link.src or link.src == link.dst:
            raise _broken("transfers leave the device of the source", label, link)
        if all(chosen[reader].device != link.dst for reader in value.readers):
            raise _broken("a transfer has a reader", label, f"none on device {link.dst}")
        if (t.value, link.dst) in seen:
            raise _broken("one transfer per value and device", label, "two")
        seen.add((t.value, link.dst))
        ready = 0 if value.carried else assignment.placements[value.src].end_ns
        if t.start_ns < ready:
            raise _broken("a transfer starts after its source", f"{label} from {ready}", t.start_ns)
        spans[t.link].append((t.start_ns, t.end_ns, label))
    for position, busy in spans.items():
        link = problem.links[position]
        ends = f"{problem.devices[link.src].name}->{problem.devices[link.dst].name}"
        _check_exclusive(f"one transfer at a time on {ends}", busy)


def _check_values(problem: Problem, assignment: Assignment) -> None:
    chosen = _chosen(problem, assignment)
    arrival = {(t.value, problem.links[t.link].dst): t.end_ns for t in assignment.transfers}
    for v, value in enumerate(problem.values):
        for reader in value.readers:
            device = chosen[reader].device
            if device == chosen[value.src].device:
                ready = 0 if value.carried else assignment.placements[value.src].end_ns
            elif (v, device) in arrival:
                ready = arrival[v, device]
            else:
                where = f"value {v} on {problem.devices[device].name}"
                raise _broken("readers have their values", where, "no transfer")
            if assignment.placements[reader].start_ns < ready:
                name = problem.tasks[reader].name
                found = assignment.placements[reader].start_ns
                raise _broken("readers wait for values", f"{name} not before {ready}", found)


def _check_memory(problem: Problem, assignment: Assignment) -> None:
    """Add up what lies on each device whenever something is added."""
    copies = _copies(problem, assignment)
    for d, device in enumerate(problem.devices):
        held = [(begin, end, size) for place, begin, end, size in copies if place == d]
        if device.memory_bytes is None or sum(size for *_, size in held) <= device.memory_bytes:
            continue
        arrivals, departures = sorted(held), sorted((end, size) for _, end, size in held)
        total = gone = 0
        for begin, _, size in arrivals:
            while departures[gone][0] <= begin:
                total -= departures[gone][1]
                gone += 1
            total += size
            if total > device.memory_bytes:
                rule = f"memory of {device.name}"
                raise _broken(rule, f"at most {device.memory_bytes} bytes", f"{total} at {begin}")


def _copies(problem: Problem, assignment: Assignment) -> list[tuple[int, int, int, int]]:
    """Return device, start, end and bytes of every value wherever it lies for a time."""
    chosen, placements = _chosen(problem, assignment), assignment.placements
    used: dict[tuple[int, int], int] = defaultdict(int)
    begun: dict[tuple[int, int], int] = {}
    for v, value in enumerate(problem.values):
        home = v, chosen[value.src].device
        begun[home] = 0 if value.carried else placements[value.src].start_ns
        used[home] = assignment.makespan_ns if value.carried else placements[value.src].end_ns
    for t in assignment.transfers:
        begun[t.value, problem.links[t.link].dst] = t.start_ns
        home = t.value, problem.links[t.link].src
        used[home] = max(used[home], t.end_ns)
    for v, value in enumerate(problem.values):
        for reader in value.readers:
            place = v, chosen[reader].device
            used[place] = max(used[place], placements[reader].end_ns)
    return [
        (d, begin, used[v, d], problem.values[v].bytes)
        for (v, d), begin in begun.items()
        if begin < used[v, d]
    ]
