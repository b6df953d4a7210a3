"""What is proven of the energy under caps on the latency."""

from dataclasses import dataclass, replace

from hptc.partition.fronts.frontiers import Frontiers, Proven
from hptc.partition.goal import Objective


@dataclass(frozen=True, slots=True)
class _Cap:
    latency_ns: float
    energy_bound_pj: float


class Caps:
    """The caps tried so far, and what is proven of the problem besides."""

    def __init__(self, proven: Proven) -> None:
        self._proven = proven
        self._tried: list[_Cap] = []

    @property
    def latencies_ns(self) -> list[float]:
        """Of all caps; infinite where there was none."""
        return [cap.latency_ns for cap in self._tried]

    def note(self, latency_ns: float, energy_bound_pj: float) -> None:
        """Take what a search under a cap proved."""
        self._tried.append(_Cap(latency_ns, energy_bound_pj))

    def bound_pj(self, latency_ns: int) -> float:
        """Return the best bound on the energy of schedules that take no longer."""
        goal = replace(Objective.ENERGY, latency_limit_ns=latency_ns)
        known = Frontiers(goal, self._proven).bound(self._proven.bound_ns)
        wider = (cap.energy_bound_pj for cap in self._tried if cap.latency_ns >= latency_ns)
        return max(known, max(wider, default=0.0))
