"""Watching a solver: its progress on stderr, and Ctrl-C."""

import math
from contextlib import ExitStack
from types import FrameType, TracebackType
from typing import Self

from hptc.cli.guard import warn
from hptc.cli.progress import solving_bar
from hptc.interrupts import Handler, on_interrupt
from hptc.partition.limits import Limits, Progress


class SolverWatch:
    """Shows the solver's progress; the first Ctrl-C while it runs ends it with what it has.

    A Ctrl-C before the solver has an incumbent, or a second one, aborts the command.

    Args:
        title: What is done before the solver starts.
        limits: Of all solves together.
    """

    def __init__(self, title: str, limits: Limits) -> None:
        self._bar = solving_bar()
        self._row = self._bar.add_task(
            title, total=limits.time_s if limits.work_s is None else None
        )
        self._has_incumbent = False
        self._stopped = False
        self._previous: Handler | None = None
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        """Start showing, and take over SIGINT."""
        self._previous = self._entered.enter_context(on_interrupt(self._interrupt))
        self._entered.enter_context(self._bar)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give SIGINT back."""
        self._entered.close()
        if self._stopped and kind is None:
            warn("interrupted: the best solutions found so far are kept")

    def show(self, what: str, seen: Progress) -> None:
        """Show the incumbent of `what` is solved, its bound and their gap."""
        self._has_incumbent = self._has_incumbent or math.isfinite(seen.value)
        gap = f"{seen.gap:.2%}" if math.isfinite(seen.gap) else "open"
        self._bar.update(
            self._row,
            description=f"solving {what}: best {seen.value:,.0f}, "
            f"bound {seen.lower_bound:,.0f}, gap {gap} ({seen.stage})",
        )

    def is_stopped(self) -> bool:
        """Whether the user asked the solver to stop."""
        return self._stopped

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        if self._stopped or not self._has_incumbent:
            if self._previous is not None:
                self._previous(signum, frame)
            raise KeyboardInterrupt
        self._stopped = True
