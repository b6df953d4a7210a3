"""Watching a compilation: solver progress on stderr, Ctrl-C, and graphs after a pass."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType, TracebackType
from typing import Self

import typer
from rich.console import Console

from hptc.errors import UsageError
from hptc.interrupts import Handler, on_interrupt
from hptc.ir.graph import Graph, Phase
from hptc.ir.text import to_text
from hptc.partition.limits import Progress
from passes import PIPELINE


class SolverWatch:
    """Shows the solver's progress; the first Ctrl-C while it runs ends it with what it has.

    A Ctrl-C before the solver has an incumbent, or a second one, aborts the command.
    """

    def __init__(self) -> None:
        self._status = Console(file=sys.stderr).status("capturing the model")
        self._has_incumbent = False
        self._stopped = False
        self._previous: Handler | None = None
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        """Start showing, and take over SIGINT."""
        self._previous = self._entered.enter_context(on_interrupt(self._interrupt))
        self._entered.enter_context(self._status)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give SIGINT back."""
        self._entered.close()

    def show(self, phase: Phase, seen: Progress) -> None:
        """Show an incumbent and its bound."""
        self._has_incumbent = True
        self._status.update(
            f"solving {phase.value}: best {seen.value:,.0f}, bound {seen.lower_bound:,.0f}, "
            f"{seen.elapsed_s:.1f} s ({seen.stage})"
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


def dump_after(name: str) -> Callable[[str, Graph], None]:
    """Return a hook that prints the graph after a pass; raises UsageError for an unknown one."""
    known = [step.name for step in PIPELINE]
    if name not in known:
        raise UsageError("--dump-ir-after", expected=f"one of {', '.join(known)}", found=name)

    def dump(finished: str, graph: Graph) -> None:
        if finished == name:
            typer.echo(f"// after {name}\n{to_text(graph)}", err=True)

    return dump
