"""What was reached, held against what was promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from benchmarks.partitioner.cases import Case
from benchmarks.partitioner.peers import LISTS, OUT_OF_TIME, SAGA, SINGLE, Peer, best
from benchmarks.partitioner.solves import Solved

MEAN_RATIO = 0.9
"""Of the makespan to that of the best rival, over all problems."""
PROVEN = 0.5
"""Share of the STG instances with a known optimum."""
MOST_GIB = 2.0
MOST_LATE = 0.5
"""Share of SAGA's schedulers from which on their not being in time says nothing about them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One problem: what hptc and the others reached; times of schedules in ns."""

    name: str
    tasks: int
    solved: Solved
    known_ns: int | None
    peers: tuple[Peer, ...]
    is_stg: bool
    rival: str
    """The best of SAGA and of single devices, where no optimum is known."""
    ratio: float | None
    """Of the makespan to the known optimum, else to the rival's."""
    missed: tuple[str, ...]


def row(case: Case, solved: Solved, peers: Sequence[Peer]) -> Row:
    """Return the row of a case."""
    rival = best(peers, _rivals(peers))
    other_ns = case.known_ns or (rival.makespan_ns if rival else None)
    ratio = solved.makespan_ns / other_ns if other_ns else None
    return Row(
        name=case.name,
        tasks=len(case.problem.tasks),
        solved=solved,
        known_ns=case.known_ns,
        peers=tuple(peers),
        is_stg=case.is_stg,
        rival="" if case.known_ns or rival is None else rival.name,
        ratio=ratio,
        missed=tuple(_missed(case, solved, ratio)),
    )


def _rivals(peers: Sequence[Peer]) -> tuple[str, ...]:
    """Return the kinds that count: hptc's own lists stand in for SAGA where that is out of time."""
    saga = [peer for peer in peers if peer.kind == SAGA]
    late = sum(peer.error == OUT_OF_TIME for peer in saga)
    return (SAGA, SINGLE) if late < MOST_LATE * len(saga) else (LISTS, SAGA, SINGLE)


def _missed(case: Case, solved: Solved, ratio: float | None) -> list[str]:
    limits = {
        "ratio": (ratio, case.max_ratio),
        "gap": (solved.gap, case.max_gap),
        "time": (solved.wall_s, case.wall_s),
        "memory": (solved.peak_gib, MOST_GIB),
    }
    return [
        name
        for name, (found, most) in limits.items()
        if found is not None and most is not None and found > most
    ]


@dataclass(frozen=True, slots=True)
class Summary:
    """All problems together."""

    mean_ratio: float | None
    """Geometric mean, of the problems without a known optimum."""
    worst_ratio: float | None
    lists_ratio: float | None
    """Geometric mean of the makespan to that of hptc's own lists."""
    proven: float | None
    """Share of the STG instances."""
    missed: tuple[str, ...]


def summary(rows: Sequence[Row]) -> Summary:
    """Return the figures over all problems, and the promises that they miss."""
    ratios = [found.ratio for found in rows if found.ratio and found.known_ns is None]
    lists = [_to_lists(found) for found in rows]
    proofs = [found.solved.is_proven for found in rows if found.is_stg]
    mean = geometric_mean(ratios) if ratios else None
    proven = sum(proofs) / len(proofs) if proofs else None
    missed = [f"{found.name}: {reason}" for found in rows for reason in found.missed]
    if mean is not None and mean > MEAN_RATIO:
        missed.append(f"mean ratio above {MEAN_RATIO}")
    if proven is not None and proven < PROVEN:
        missed.append(f"fewer than {PROVEN:.0%} of the STG instances proven")
    own = [ratio for ratio in lists if ratio is not None]
    return Summary(
        mean_ratio=mean,
        worst_ratio=max(ratios, default=None),
        lists_ratio=geometric_mean(own) if own else None,
        proven=proven,
        missed=tuple(missed),
    )


def _to_lists(found: Row) -> float | None:
    lists = best(found.peers, (LISTS,))
    return found.solved.makespan_ns / lists.makespan_ns if lists and lists.makespan_ns else None
