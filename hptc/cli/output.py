"""What commands print on stdout: one JSON object, tables, lines.

A reader that has gone away (`| head -1`) never changes how a command ends.
"""

import errno
import json
import math
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

import typer

from hptc.interrupts import interrupts_held

if TYPE_CHECKING:
    from rich.table import Table

Units = tuple[tuple[float, str], ...]

TIMES: Units = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))
ENERGIES: Units = ((1e9, "J"), (1e6, "mJ"), (1e3, "uJ"), (1.0, "nJ"))
_COUNTS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


_WIDE = 1000
"""Columns where stdout is no terminal, so that no cell wraps."""


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether someone sits at a standard stream, None where that is closed."""
    return stream is not None and stream.isatty()


def say(text: str) -> None:
    """Print a line, or a whole object; a Ctrl-C meanwhile does not leave half of it.

    Raises:
        OSError: There is no room for it, or stdout is closed.
    """
    if sys.stdout is None:  # as `>&-` has it; echo would drop the text
        raise OSError(errno.EBADF, "stdout is closed")
    try:
        with interrupts_held():
            typer.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(content: Mapping[str, object]) -> None:
    """Print exactly one JSON object; what is not a finite number becomes null."""
    say(json.dumps(_finite(content), indent=2))


def print_table(table: "Table") -> None:
    """Print a table; what names hold in brackets or between colons is text like any other."""
    from rich.console import Console

    console = Console(width=None if is_terminal(sys.stdout) else _WIDE, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    say(captured.get().rstrip())


def new_table(title: str, *columns: str) -> "Table":
    """Return an empty table; columns after the first are right-aligned."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left")
    return table


def human_time(time_ns: float) -> str:
    """Return a time with a unit that keeps it short."""
    return _human(time_ns, TIMES)


def human_energy(energy_nj: float) -> str:
    """Return an energy with a unit that keeps it short."""
    return _human(energy_nj, ENERGIES)


def human_count(count: float) -> str:
    """Return a count with a decimal prefix."""
    return _human(count, _COUNTS).strip()


def human_gap(gap: float | None, digits: int = 1) -> str:
    """Return a gap in percent; - where nothing is proven."""
    return "-" if gap is None else f"{gap:.{digits}%}"


def above_bound(gap: float | None) -> str:
    """Say how far from its bound something is."""
    return "nothing proven" if gap is None else f"{gap:.1%} above the bound"


def _human(number: float, units: Units) -> str:
    for scale, unit in units:
        if abs(number) >= scale:
            return f"{number / scale:.4g} {unit}"
    return f"{number:.3g} {units[-1][1]}"


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _finite(item) for key, item in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(item) for item in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
