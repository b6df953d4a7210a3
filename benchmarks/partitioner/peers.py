"""What others make of a problem: single devices, list schedulers, and all of SAGA.

Each only says where tasks run and in which sequence. One decoder times them all with links as
exclusive as for hptc, and one checker judges them.
"""

import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType

from hptc.partition.check import check
from hptc.partition.decode import (
    Schedule,
    decode,
    decode_by_rank,
    legal_order,
    retime,
    to_assignment,
)
from hptc.partition.instance import Instance
from hptc.partition.prepare import prepare
from hptc.partition.problem import Problem
from hptc.partition.seeds.heuristics import seeds

try:
    from benchmarks.partitioner import saga_peers
except ModuleNotFoundError as error:
    if error.name != "saga":
        raise
    HAS_SAGA = False
else:
    HAS_SAGA = True

SINGLE, LISTS, SAGA = "single", "lists", "saga"
OUT_OF_TIME = "out of time"
LISTS_SHARE = 0.8
"""Of the time of a peer, when hptc's own seeds begin with no other."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What one scheduler reached in a time in s, or why it did not."""

    kind: str
    """A single device, the best of hptc's own lists (HEFT and PEFT on sets of devices), or SAGA."""
    name: str
    makespan_ns: int | None
    wall_s: float
    error: str = ""


class _OutOfTimeError(Exception):
    pass


class _InvalidError(Exception):
    pass


def peers(problem: Problem, timeout_s: float, without: Collection[str] = ()) -> list[Peer]:
    """Return what every scheduler reaches, each within `timeout_s` s.

    Those `without` are not asked: they ran out of time on fewer tasks.
    """
    instance = prepare(problem)
    runs: list[tuple[str, str, Callable[[], Schedule]]] = [
        (SINGLE, device.name, partial(_single, instance, d))
        for d, device in enumerate(problem.devices)
    ]
    runs.append((LISTS, LISTS, partial(_lists, instance, LISTS_SHARE * timeout_s)))
    names = saga_peers.names() if HAS_SAGA else ()
    runs += [(SAGA, name, partial(_saga, instance, name)) for name in names]
    return [
        Peer(kind, name, None, 0.0, OUT_OF_TIME)
        if name in without
        else _measured(instance, kind, name, run, timeout_s)
        for kind, name, run in runs
    ]


def best(found: Sequence[Peer], kinds: Collection[str]) -> Peer | None:
    """Return the best of some kinds."""
    valid = [peer for peer in found if peer.kind in kinds and peer.makespan_ns is not None]
    return min(valid, key=lambda peer: peer.makespan_ns or 0, default=None)


def _measured(
    instance: Instance, kind: str, name: str, run: Callable[[], Schedule], timeout_s: float
) -> Peer:
    """Run a scheduler; only what the checker accepts has a makespan."""
    started, makespan_ns, reason = time.monotonic(), None, ""
    try:
        with _alarm(timeout_s):
            schedule = run()
        check(instance.problem, to_assignment(instance, schedule))
        makespan_ns = schedule.makespan
    except _OutOfTimeError:
        reason = OUT_OF_TIME
    except _InvalidError as error:
        reason = f"invalid: {error}"
    except Exception as error:  # a peer may fail in any way; the table tells how
        reason = f"{type(error).__name__}: {error}"
    return Peer(kind, name, makespan_ns, time.monotonic() - started, reason)


@contextmanager
def _alarm(time_s: float) -> Iterator[None]:
    """Raise _OutOfTimeError inside after `time_s` s."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, time_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _single(instance: Instance, device: int) -> Schedule:
    return decode_by_rank(instance, _modes(instance, [device] * instance.tasks))


def _lists(instance: Instance, time_s: float) -> Schedule:
    until = time.monotonic() + time_s
    found = None
    for schedule in seeds(instance):
        if found is None or schedule.makespan < found.makespan:
            found = schedule
        if time.monotonic() > until:
            break
    if found is None:
        raise _InvalidError("no seed keeps the constraints")
    return found


def _saga(instance: Instance, name: str) -> Schedule:
    """Return the best of what a scheduler makes of the problem, posed in each way.

    Timed in its own sequence, and with longest paths first, which forgives that it knew nothing of
    exclusive links.
    """
    found: list[Schedule] = []
    reason: Exception | None = None
    for is_barred in (True, False):
        try:
            devices, starts = saga_peers.choose(instance, name, is_barred=is_barred)
            modes = _modes(instance, devices)
            found.append(retime(instance, decode(instance, modes, legal_order(instance, starts))))
            found.append(decode_by_rank(instance, modes))
        except Exception as error:  # the other way may succeed
            reason = error
        if isinstance(reason, _OutOfTimeError):
            break
    if reason is not None and not found:
        raise reason
    return min(found, key=lambda schedule: schedule.makespan)


def _modes(instance: Instance, devices: Sequence[int]) -> list[int]:
    """Return the usual mode of each task on its device; raises _InvalidError for bad choices."""
    modes = []
    for task, device in enumerate(devices):
        mode = instance.mode_on[task].get(device)
        if mode is None:
            raise _InvalidError(f"{instance.problem.tasks[task].name} cannot run where it was put")
        modes.append(mode)
    if not instance.admits(modes):
        raise _InvalidError("breaks a capacity, a group, or lacks a link")
    return modes
