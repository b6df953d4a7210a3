"""Small problems: CP-SAT on the whole, with what windows find in between."""

from collections.abc import Callable

from hptc.partition.bounds.rounding import Relaxing
from hptc.partition.bounds.segments import Segments, segment_bound
from hptc.partition.sat.exact import Proof, prove
from hptc.partition.search import Incumbent
from hptc.partition.windows.improve import improve

PROVEN_TASKS = 24
"""Up to here CP-SAT proves the whole sooner than what segments bound."""
STUDY_SHARE = 0.15
"""Share of the time left for the bound from segments before CP-SAT searches the whole."""
FIRST_SHARE = 0.04
"""Share of the time left in which CP-SAT proves most problems."""
WINDOWS_SHARE = 0.08
"""Share of the time left for windows where it does not: a good schedule leaves less to search."""
ALONE_SHARE = 0.6
"""Share of the time left in which CP-SAT searches the whole problem with one worker."""

Prover = Callable[[Incumbent, float, int], Proof]


def prove_whole(search: Incumbent, relaxed: Relaxing) -> None:
    """Prove the best schedule, or find a better one; the problem is small enough for CP-SAT."""
    clock = search.clock
    found = Segments()
    if search.instance.tasks > PROVEN_TASKS and clock.limits.parts.segments:
        found = segment_bound(search.instance, clock, STUDY_SHARE * clock.left_s)
        search.raise_bound(0, found.bound_ns)
    relaxed.join(found.stretches)
    relaxed.collect(STUDY_SHARE * clock.left_s)
    _prove(search, prove, FIRST_SHARE, workers=1)
    if clock.limits.parts.windows:
        improve(search, clock.elapsed_s + WINDOWS_SHARE * clock.left_s, beside=lambda: 0)
    take_turns(search, prove)


def take_turns(search: Incumbent, prover: Prover) -> None:
    """Let CP-SAT search the whole problem: first alone, then with all workers.

    One worker proves small problems fastest, and gives the same answer each time; several find
    better answers where the proof is out of reach.
    """
    _prove(search, prover, ALONE_SHARE, workers=1)
    _prove(search, prover, 1.0, workers=search.clock.limits.workers)


def _prove(search: Incumbent, prover: Prover, share: float, workers: int) -> None:
    """Let CP-SAT search for a share of the time left; take what it finds and proves."""
    if search.is_done:
        return
    proof = prover(search, share * search.clock.left_s, workers)
    if proof.schedule is not None:
        search.offer(proof.schedule, "exact")
    search.raise_bound(proof.bound)
    if proof.is_optimal:
        search.close()
    if proof.was_interrupted:
        raise KeyboardInterrupt
