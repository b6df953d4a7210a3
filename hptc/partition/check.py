"""The independent judge of assignments: it shares no code with the solvers."""

import math
from collections import defaultdict

from hptc.partition.check_busy import (
    broken,
    busy_links,
    busy_tasks,
    check_exclusive,
    check_units,
    chosen_modes,
    label,
)
from hptc.partition.goal import Objective
from hptc.partition.problem import Assignment, Problem, Value
from hptc.partition.reruns import answered


def check(problem: Problem, assignment: Assignment) -> None:
    """Prove that an assignment keeps every rule of its problem.

    Raises:
        VerifyError: names the broken rule and who breaks it.
    """
    problem = answered(problem, assignment)
    check_choices(problem, assignment)
    busy = (*busy_tasks(problem, assignment), *busy_links(problem, assignment))
    for rule, units, spans in busy:
        if units == 1:
            check_exclusive(rule, spans)
        else:
            check_units(rule, units, spans)
    check_values(problem, assignment)
    _check_memory(problem, assignment)


def check_choices(problem: Problem, assignment: Assignment) -> None:
    """Prove what holds whenever tasks run: modes, lengths, groups, crossbars, and transfers."""
    if len(assignment.placements) != len(problem.tasks):
        count = len(problem.tasks)
        raise broken("one placement per task", count, len(assignment.placements))
    _check_tasks(problem, assignment)
    _check_groups(problem, assignment)
    _check_capacity(problem, assignment)
    _check_transfers(problem, assignment)


def check_limits(problem: Problem, assignment: Assignment, objective: Objective) -> None:
    """Prove that an assignment keeps the limits on latency and energy; raises VerifyError."""
    taken = {
        "latency limit in ns": (assignment.makespan_ns, objective.latency_limit_ns),
        "energy limit in pJ": (energy_pj(problem, assignment), objective.energy_limit_pj),
    }
    for rule, (found, limit) in taken.items():
        if limit is not None and found > limit:
            raise broken(rule, f"at most {limit}", found)


def energy_pj(problem: Problem, assignment: Assignment, time_ns: int | None = None) -> float:
    """Return the energy of one step in pJ.

    Modes, transfers, what they write, and the static power of every used device over the makespan,
    or over `time_ns` where that is given.
    """
    problem = answered(problem, assignment)
    chosen = chosen_modes(problem, assignment)
    dynamic = sum(mode.energy_pj for mode in chosen)
    moved = math.fsum(
        problem.values[t.value].bytes * problem.links[t.link].energy_pj_per_byte
        for t in assignment.transfers
    )
    written = sum(
        write.energy_pj
        for t in assignment.transfers
        for write in problem.values[t.value].writes
        if write.device == problem.links[t.link].dst
    )
    powered = {mode.device for mode in chosen}
    power = math.fsum(problem.devices[device].static_power_pj_per_ns for device in powered)
    static = power * (assignment.makespan_ns if time_ns is None else time_ns)
    return float(dynamic + moved + written + static)


def _check_tasks(problem: Problem, assignment: Assignment) -> None:
    for task, placement in zip(problem.tasks, assignment.placements, strict=True):
        if not 0 <= placement.mode < len(task.modes):
            raise broken("known mode", f"a mode of {task.name}", placement.mode)
        if placement.start_ns < 0:
            raise broken("no start before 0", f"{task.name} from 0 on", placement.start_ns)
        took = placement.end_ns - placement.start_ns
        if took != task.modes[placement.mode].duration_ns:
            wanted = f"{task.name} to take {task.modes[placement.mode].duration_ns} ns"
            raise broken("task duration", wanted, took)


def _check_groups(problem: Problem, assignment: Assignment) -> None:
    chosen = chosen_modes(problem, assignment)
    for group in problem.together:
        devices = {problem.devices[chosen[task].device].name for task in group}
        if len(devices) > 1:
            names = ", ".join(problem.tasks[task].name for task in group)
            raise broken("groups share a device", f"{names} on one", ", ".join(sorted(devices)))


def _check_capacity(problem: Problem, assignment: Assignment) -> None:
    used: dict[int, set[int]] = defaultdict(set)
    for mode in chosen_modes(problem, assignment):
        if mode.matrix is not None:
            used[mode.device].add(mode.matrix)
    for device, matrices in used.items():
        capacity = problem.devices[device].capacity_crossbars
        total = sum(problem.matrices[matrix].crossbars for matrix in matrices)
        if capacity is not None and total > capacity:
            rule = f"crossbar capacity of {problem.devices[device].name}"
            raise broken(rule, f"at most {capacity}", total)


def _check_transfers(problem: Problem, assignment: Assignment) -> None:
    seen: set[tuple[int, int]] = set()
    chosen = chosen_modes(problem, assignment)
    for t in assignment.transfers:
        if not (0 <= t.value < len(problem.values) and 0 <= t.link < len(problem.links)):
            raise broken("known transfer", "a value and a link of the problem", t)
        value, link = problem.values[t.value], problem.links[t.link]
        name = label(problem, t.value)
        took = math.ceil(link.latency_ns + value.bytes / link.bandwidth_bytes_per_ns)
        took += sum(write.duration_ns for write in value.writes if write.device == link.dst)
        if t.end_ns - t.start_ns != took:
            raise broken("transfer duration", f"{name} to take {took} ns", t.end_ns - t.start_ns)
        if t.start_ns < 0:
            raise broken("no start before 0", f"{name} from 0 on", t.start_ns)
        if chosen[value.src].device != link.src or link.src == link.dst:
            raise broken("transfers leave the device of the source", name, link)
        if all(chosen[reader].device != link.dst for reader in value.readers):
            raise broken("a transfer has a reader", name, f"none on device {link.dst}")
        if (t.value, link.dst) in seen:
            raise broken("one transfer per value and device", name, "two")
        seen.add((t.value, link.dst))


def check_values(problem: Problem, assignment: Assignment, period_ns: int | None = None) -> None:
    """Prove that transfers and readers wait for their values.

    A carried one is there from 0 on; where steps start every `period_ns`, once the step before
    has made it.
    """

    def made(value: Value) -> int:
        end_ns = assignment.placements[value.src].end_ns
        if not value.carried:
            return end_ns
        return 0 if period_ns is None else end_ns - period_ns

    for t in assignment.transfers:
        ready = made(problem.values[t.value])
        if t.start_ns < ready:
            wanted = f"{label(problem, t.value)} from {ready}"
            raise broken("a transfer starts after its source", wanted, t.start_ns)
    chosen = chosen_modes(problem, assignment)
    arrival = {(t.value, problem.links[t.link].dst): t.end_ns for t in assignment.transfers}
    for v, value in enumerate(problem.values):
        for reader in value.readers:
            device = chosen[reader].device
            if device == chosen[value.src].device:
                ready = made(value)
            elif (v, device) in arrival:
                ready = arrival[v, device]
            else:
                where = f"value {v} on {problem.devices[device].name}"
                raise broken("readers have their values", where, "no transfer")
            if assignment.placements[reader].start_ns < ready:
                name = problem.tasks[reader].name
                found = assignment.placements[reader].start_ns
                raise broken("readers wait for values", f"{name} not before {ready}", found)


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
                raise broken(rule, f"at most {device.memory_bytes} bytes", f"{total} at {begin}")


def _copies(problem: Problem, assignment: Assignment) -> list[tuple[int, int, int, int]]:
    """Return device, start, end and bytes of all that lies anywhere for a time."""
    chosen, placements = chosen_modes(problem, assignment), assignment.placements
    always = max(1, assignment.makespan_ns)
    used: dict[tuple[int, int], int] = defaultdict(int)
    begun: dict[tuple[int, int], int] = {}
    for v, value in enumerate(problem.values):
        home = v, chosen[value.src].device
        begun[home] = 0 if value.carried else placements[value.src].start_ns
        used[home] = always if value.carried else placements[value.src].end_ns
    for t in assignment.transfers:
        begun[t.value, problem.links[t.link].dst] = t.start_ns
        home = t.value, problem.links[t.link].src
        used[home] = max(used[home], t.end_ns)
    for v, value in enumerate(problem.values):
        for reader in value.readers:
            place = v, chosen[reader].device
            used[place] = max(used[place], placements[reader].end_ns)
    found = [
        (d, begin, used[v, d], problem.values[v].bytes)
        for (v, d), begin in begun.items()
        if begin < used[v, d]
    ]
    for resident in problem.residents:
        for d in {chosen[reader].device for reader in resident.readers}:
            found.append((d, 0, always, resident.bytes))
    return found
