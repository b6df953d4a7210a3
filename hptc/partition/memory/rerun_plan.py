"""Which tasks run again where a sequence of tasks needs more memory than there is.

From its start on, where the sequence overflows, values that lie there unread for a while give way:
the task that made them runs again just before they are read next, and they are sent again. What
that run reads has to be there by then: it lies there anyway, is kept for longer, or is made again
too. Of all such plans that one goes first that frees most bytes for longest, for the time it takes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from hptc.partition.instance import Instance
from hptc.partition.limits import Clock
from hptc.partition.memory.rerun_tape import Copy, Overflow, Tape

DEPTHS = (0, 1, 2, 4, 8)
"""How far back makers of what is read run again too, before it is kept instead."""
MOST_CHOICES = 48
"""Plans are made for so many runs, those first that free most for longest."""
STALLED = 64
"""Reruns after which an overflow that has not moved on is given up."""
RERUN_S = 5e-6
"""Work of a rerun in s, per value (measured)."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Runs that happen again, in sequence, for some takers of the last one."""

    runs: tuple[int, ...]
    takers: tuple[int, ...]
    before: int
    score: float


def lightened(
    instance: Instance,
    modes: Sequence[int],
    order: Sequence[int],
    clock: Clock,
    random: Random | None = None,
) -> Tape | None:
    """Return a sequence with reruns that fits the memories one task after another.

    Args:
        instance: The problem.
        modes: Of its tasks.
        order: Of its tasks, topological.
        clock: When to give up.
        random: Changes how good plans look; None: as good as they are.

    Returns:
        None where no reruns that are tried help.
    """
    tape = Tape(instance, modes, order)
    furthest, left = -1, STALLED
    while (overflow := tape.overflow()) is not None:
        done = tape.tasks_before(overflow.position)
        if done > furthest:
            furthest, left = done, STALLED
        plans = list(_plans(tape, overflow))
        if not left or not plans or clock.is_over():
            return None
        best = max(plans, key=lambda plan: plan.score * (1 + random.random() if random else 1))
        tape.rerun(best.runs, best.takers, best.before)
        clock.work.add(RERUN_S * len(instance.problem.values))
        left -= 1
    return tape


def _plans(tape: Tape, overflow: Overflow) -> Iterator[_Plan]:
    """Yield plans for the runs whose values lie unread where it overflows."""
    tasks, values = tape.instance.problem.tasks, tape.instance.problem.values
    idle: dict[int, int] = defaultdict(int)
    waiting: dict[int, set[int]] = defaultdict(set)
    for copy in tape.copies_on(overflow.device):
        is_recomputable = tasks[tape.task_of[copy.run]].recompute
        takers = tape.takers[copy.run]
        if (
            is_recomputable
            and _is_idle(copy, overflow)
            and tape.run_at(overflow.position) not in takers
        ):
            late = _late_takers(tape, copy, overflow)
            reach = min(tape.position[taker] for taker in late) - overflow.position
            idle[copy.run] += reach * values[copy.value].bytes
            waiting[copy.run].update(late)
    first = sorted(idle, key=lambda run: (-idle[run], run))[:MOST_CHOICES]
    for run in first:
        for depth in DEPTHS:
            plan = _plan(tape, run, tuple(sorted(waiting[run])), overflow, depth)
            if plan is not None:
                yield plan


def _is_idle(copy: Copy, overflow: Overflow) -> bool:
    return copy.begin < overflow.position <= copy.end


def _late_takers(tape: Tape, copy: Copy, overflow: Overflow) -> list[int]:
    """Return the readers after the overflow for whom a copy lies there.

    At home that is all but those on devices that the value was sent to before.
    """
    at, home = tape.at, tape.at[copy.run]
    readers = tape.readers(copy.run, copy.value)
    late = [taker for taker in readers if tape.position[taker] > overflow.position]
    if home != overflow.device:
        return [taker for taker in late if at[taker] == overflow.device]
    early = {at[taker] for taker in readers if tape.position[taker] < overflow.position}
    return [taker for taker in late if at[taker] not in early - {home}]


def _plan(
    tape: Tape, run: int, takers: tuple[int, ...], overflow: Overflow, depth: int
) -> _Plan | None:
    instance, device = tape.instance, overflow.device
    values = instance.problem.values
    before = min(takers, key=tape.position.__getitem__)
    runs, kept = _closure(tape, run, overflow, depth)
    freed, sent_ns = 0, 0
    for v in instance.outputs[tape.task_of[run]]:
        copy = tape.copy(run, v, device)
        if copy is not None and _is_idle(copy, overflow):
            freed += values[v].bytes
            sent_ns += instance.send[v][tape.at[run]][device]
    gain = freed - sum(values[v].bytes for _, v in kept)
    if gain <= 0:
        return None
    time_ns = sent_ns + sum(instance.duration[tape.task_of[r]][tape.modes[r]] for r in runs)
    score = gain * (tape.position[before] - overflow.position) / (1 + time_ns)
    return _Plan(tuple(sorted(runs, key=tape.position.__getitem__)), takers, before, score)


def _closure(
    tape: Tape, run: int, overflow: Overflow, depth: int
) -> tuple[set[int], set[tuple[int, int]]]:
    """Return the runs that happen again with a run, and the (run, value) kept for them.

    Only what is kept on the device of the overflow counts.
    """
    tasks, values = tape.instance.problem.tasks, tape.instance.problem.values
    runs, kept, level = {run}, set[tuple[int, int]](), [run]
    for step in range(depth + 1):
        following = []
        for again in level:
            for v in tape.instance.inputs[tape.task_of[again]]:
                source = tape.source(again, v)
                if source in runs or _lies(tape, source, v, tape.at[again], overflow):
                    continue
                if step < depth and tasks[values[v].src].recompute:
                    runs.add(source)
                    following.append(source)
                elif tape.at[again] == overflow.device:
                    kept.add((source, v))
        level = following
    return runs, {(source, v) for source, v in kept if source not in runs}


def _lies(tape: Tape, source: int, v: int, device: int, overflow: Overflow) -> bool:
    """Whether a value is on a device beyond the overflow anyway, or takes no room there."""
    is_home = tape.at[source] == device
    if device not in tape.instance.memories or (
        tape.instance.problem.values[v].carried and is_home
    ):
        return True
    copy = tape.copy(source, v, device)
    return copy is not None and copy.begin <= overflow.position < copy.end
