"""Progress bars on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress_bar import ProgressBar

if TYPE_CHECKING:
    from hptc.runtime.log import Record


@contextmanager
def training_progress(steps: int) -> Iterator[Callable[["Record"], None]]:
    """Show steps, phase and loss while the context lasts; yields what to call per record."""
    from hptc.runtime.log import StepRecord

    with _counted() as bar:
        row = bar.add_task("training", total=steps)

        def show(record: "Record") -> None:
            if isinstance(record, StepRecord):
                description = f"{record.phase} loss {record.loss:.4g}"
                bar.update(row, completed=record.step, description=description)

        yield show


@contextmanager
def counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much of something is done; yields what to call with the number done and of all."""
    with _counted() as bar:
        row = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(row, completed=done, total=total)


def solving_bar() -> Progress:
    """Return a bar of time: the total of a row is its limit in s."""
    return _bar(_TimeBar(), TimeElapsedColumn())


class _TimeBar(ProgressColumn):
    """How much of its time a row has used up; without a limit, that it is alive."""

    def render(self, task: Task) -> ProgressBar:
        used = min(task.elapsed or 0.0, task.total or 0.0)
        return ProgressBar(task.total, used, width=20, pulse=task.total is None)


def _counted() -> Progress:
    return _bar(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


def _bar(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    text = TextColumn("{task.description}", markup=False)
    return Progress(
        text, *columns, console=console, transient=True, disable=not console.is_terminal
    )
