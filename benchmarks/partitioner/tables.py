"""The benchmark's tables on a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.partitioner.ablations import ALL, Ablation
from benchmarks.partitioner.latency import Placed
from benchmarks.partitioner.overlap import Overlapped
from benchmarks.partitioner.peers import HAS_SAGA, LISTS, SAGA, SINGLE, Peer, best
from benchmarks.partitioner.verdicts import Row, Summary

PJ_PER_UJ = 1e6
_BESIDE = ("all-GPU", "energy", "speed-up")
"""Columns of the GPU alone."""


def print_rows(console: Console, rows: Sequence[Row], total: Summary) -> None:
    """Print a line for each problem, then what they come to."""
    table = _table(
        "makespans in ns; ratio to the optimum, else to the best rival",
        ("problem",),
        ("tasks", "hptc", "bound", "gap", "optimum", "single", "lists", "SAGA", "ratio"),
    )
    table.add_column("to")
    for column in ("s", "GiB"):
        table.add_column(column, justify="right")
    table.add_column("missed")
    for row in rows:
        found = row.solved
        table.add_row(
            row.name,
            f"{row.tasks:,}",
            _ns(found.makespan_ns),
            _ns(found.lower_bound_ns),
            "optimal" if found.is_proven else f"{found.gap:.1%}",
            _ns(row.known_ns),
            *(_reached(best(row.peers, (kind,))) for kind in (SINGLE, LISTS, SAGA)),
            "-" if row.ratio is None else f"{row.ratio:.3f}",
            row.rival,
            f"{found.wall_s:.1f}",
            f"{found.peak_gib:.2f}",
            f"[red]{', '.join(row.missed)}" if row.missed else "",
        )
    console.print(table)
    _print_summary(console, total)


def _print_summary(console: Console, total: Summary) -> None:
    if not HAS_SAGA:
        console.print("SAGA not installed: hptc's own lists stand in for it")
    for name, figure in (
        ("ratio, geometric mean", total.mean_ratio),
        ("ratio, worst", total.worst_ratio),
        ("ratio to hptc's own lists, geometric mean", total.lists_ratio),
        ("STG instances proven", total.proven),
    ):
        if figure is not None:
            console.print(f"{name}: {figure:.3f}")
    for reason in total.missed:
        console.print(f"missed: {reason}", style="red", markup=False)


def print_peers(console: Console, rows: Sequence[Row]) -> None:
    """Print what every scheduler reached relative to hptc, or why it did not."""
    table = _table("makespan of each scheduler / that of hptc", ("scheduler",), ())
    for row in rows:
        table.add_column(row.name, justify="right", overflow="fold")
    found = [{peer.name: peer for peer in row.peers} for row in rows]
    for name in dict.fromkeys(name for peers in found for name in peers):
        cells = (
            _relative(peers.get(name), row.solved.makespan_ns)
            for row, peers in zip(rows, found, strict=True)
        )
        table.add_row(name, *cells)
    console.print(table)


def print_ablations(console: Console, found: Sequence[Ablation]) -> None:
    """Print what leaving out a part changes."""
    parts = list(dict.fromkeys(item.without for item in found))
    title = "without one part of the search: value / that with all, and gap"
    table = _table(title, ("problem", "objective"), parts)
    by_problem: dict[tuple[str, str], dict[str, Ablation]] = {}
    for item in found:
        by_problem.setdefault((item.name, item.objective), {})[item.without] = item
    for (name, objective), items in by_problem.items():
        whole = items[ALL].solved.value
        cells = [items[part].solved for part in parts]
        table.add_row(name, objective, *(f"{s.value / whole:.3f} {s.gap:.1%}" for s in cells))
    console.print(table)


def print_placed(console: Console, found: Sequence[Placed]) -> None:
    """Print step latency and energy beside all-GPU."""
    table = _table(
        "one step: latency in ns, energy in uJ",
        ("model", "target", "objective", "step"),
        (*("tasks", "latency", "bound", "all tilings", "energy"), *_BESIDE),
    )
    for item in found:
        table.add_row(
            item.model,
            item.target,
            item.objective,
            item.variant,
            f"{item.tasks:,}",
            _ns(item.latency_ns),
            _ns(item.lower_bound_ns),
            "" if item.tilings_bound_ns is None else _ns(item.tilings_bound_ns),
            f"{item.energy_pj / PJ_PER_UJ:,.0f}",
            _ns(item.gpu_ns),
            f"{item.gpu_pj / PJ_PER_UJ:,.0f}",
            f"{item.gpu_ns / item.latency_ns:.2f}x",
        )
    console.print(table)


def print_overlapped(console: Console, found: Sequence[Overlapped]) -> None:
    """Print what each micro-batch takes in its share of a step, beside all-GPU."""
    table = _table(
        "micro-batches that overlap: ns and uJ for each",
        ("model", "target", "objective"),
        (*("count", "alone", "period", "bound", "time", "energy"), *_BESIDE),
    )
    for item in found:
        table.add_row(
            item.model,
            item.target,
            item.objective,
            f"{item.count:,}",
            _ns(item.alone_ns),
            _ns(item.period_ns),
            _ns(item.period_bound_ns),
            _ns(round(item.latency_ns / item.count)),
            f"{item.energy_pj / item.count / PJ_PER_UJ:,.0f}",
            f"{_ns(round(item.gpu_ns / item.count))} ({item.gpu_way})",
            f"{item.gpu_pj / item.count / PJ_PER_UJ:,.0f}",
            f"{item.gpu_ns / item.latency_ns:.2f}x",
        )
    console.print(table)


def _relative(peer: Peer | None, own_ns: int) -> str:
    if peer is None:
        return ""
    return (
        peer.error.partition(":")[0]
        if peer.makespan_ns is None
        else f"{peer.makespan_ns / own_ns:.3f}"
    )


def _reached(peer: Peer | None) -> str:
    return "-" if peer is None else _ns(peer.makespan_ns)


def _ns(time_ns: int | None) -> str:
    return "" if time_ns is None else f"{time_ns:,}"


def _table(title: str, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """Return an empty table: columns of texts, then of numbers, which are right-aligned."""
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for column in texts:
        table.add_column(column)
    for column in numbers:
        table.add_column(column, justify="right")
    return table
