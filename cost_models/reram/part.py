"""What one kind of component takes for one vector."""

from dataclasses import dataclass

from hptc.units import pj_from_power


@dataclass(frozen=True, slots=True)
class Part:
    """Time and energy of one kind of component."""

    time_ns: float
    """In which the slowest one works."""
    energy_pj: float
    """Of all of them."""

    @property
    def power_w(self) -> float:
        """Return the power of all of them while they work; 0 where they take no time."""
        return self.energy_pj / pj_from_power(1.0, self.time_ns) if self.time_ns else 0.0
