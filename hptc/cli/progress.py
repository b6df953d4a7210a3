"""Progress bars on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hptc.runtime.log import Record, StepRecord


@contextmanager
def training_progress(steps: int) -> Iterator[Callable[[Record], None]]:
    """Show steps, phase and loss while the context lasts; yields what to call per record."""
    with _bar() as bar:
        row = bar.add_task("training", total=steps)

        def show(record: Record) -> None:
            if isinstance(record, StepRecord):
                description = f"{record.phase} loss {record.loss:.4g}"
                bar.update(row, completed=record.step, description=description)

        yield show


@contextmanager
def counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much of something is done; yields what to call with the number done and of all."""
    with _bar() as bar:
        row = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(row, completed=done, total=total)


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
