"""Choices of chunks and modes for the tasks of a problem, and changes to them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Choice:
    """Chunks and modes of the whole tasks, and what they come to."""

    counts: Mapping[int, int]
    """Of the tasks that are cut."""
    modes: tuple[int, ...]
    value: Fraction | float = math.inf
    """Of the objective; infinite where nothing within its limits was found."""
    time_ns: int = 0
    energy_pj: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """Another number of chunks or another mode, for tasks that are alike."""

    kind: tuple[int, ...]
    count: int
    mode: int

    def made_to(self, choice: Choice) -> tuple[Mapping[int, int], Sequence[int]]:
        """Return the chunks and modes of a choice with this change."""
        modes = list(choice.modes)
        for task in self.kind:
            modes[task] = self.mode
        return {**choice.counts, **dict.fromkeys(self.kind, self.count)}, modes
