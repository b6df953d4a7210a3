"""The benchmark's tables on a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.frontends.check import Row
from benchmarks.frontends.macs import Work
from benchmarks.frontends.swe import LIMIT_GIB, LIMIT_S, CaptureCost
from hptc.ir.graph import OperandTag


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """Print one line per model and phase, then the errors in full."""
    table = _table("compile and run --verify", ("model", "phase"))
    for column in ("ops", "loss", "gradients", "update", "output", "capture s"):
        table.add_column(column, justify="right")
    table.add_column("result")
    for row in rows:
        errors = (
            row.loss_abs_err,
            row.grad_max_rel_err,
            row.update_max_rel_err,
            row.output_max_abs_err,
        )
        table.add_row(
            row.model,
            _phase(row),
            "-" if row.ops is None else str(row.ops),
            *("-" if error is None else f"{error:.1e}" for error in errors),
            "-" if row.capture_s is None else f"{row.capture_s:.1f}",
            f"[red]{', '.join(row.missed)}" if row.missed else "ok",
        )
    console.print(table)
    for row in rows:
        if row.error:
            console.print(f"{row.model} {_phase(row)}: {row.error}", style="red", markup=False)
    console.print(f"{len(rows)} checks, {sum(bool(row.missed) for row in rows)} missed")


def print_work(console: Console, rows: Sequence[Work]) -> None:
    """Print MACs per tag in millions."""
    table = _table("million MACs per step; folded once per phase", ("model", "form"))
    columns = (*(tag.value for tag in OperandTag), "step", "ops", "trained", "frozen, added")
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        counts = (*(row.macs[tag.value] for tag in OperandTag), row.per_step)
        table.add_row(
            row.model,
            row.form,
            *(f"{count / 1e6:,.1f}" for count in counts),
            *(f"{count:,}" for count in (row.ops, row.trained, row.added)),
        )
    console.print(table)


def print_capture(console: Console, cost: CaptureCost) -> None:
    """Print one sentence on the SWE model."""
    ops = ", ".join(f"{phase} {count}" for phase, count in cost.ops.items())
    verdict = "missed" if cost.missed else "ok"
    console.print(
        f"SWE, {cost.parameters / 1e6:.1f} M parameters, captured in {cost.seconds:.1f} s (limit "
        f"{LIMIT_S:.0f}) and {cost.peak_gib:.2f} GiB (limit {LIMIT_GIB:.0f}); operations: {ops}; "
        f"{verdict}"
    )


def _table(title: str, names: Sequence[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name)
    return table


def _phase(row: Row) -> str:
    return row.phase if row.form is None else f"{row.phase} {row.form}"
