# ruff: noqa: E501 - graph text has one line per operation, however long
"""How long it takes to price a step of 5,000 operations on every device of a target.

    python -m benchmarks.pricing [--target hybrid] [--runs 5] [--json OUT]

Once for a model whose layers are all alike, and once for one whose layers all differ, so that no
price can be used twice. Every run has other sizes than those before it. Times are of the processor:
one thread does the work, and what else the machine does is not part of it. Exits with 1 where the
median of the runs is above the limit.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.stamp import write_stamped
from cost_models.load import load_target
from cost_models.price import price_device
from cost_models.work import count_work
from hptc.ir.graph import Graph
from hptc.ir.tasks import tasks_of
from hptc.ir.text import from_text
from hptc.target import Target

OPERATIONS = 5_000
LIMIT_S = 1.0
Sizes = tuple[int, int, int]
"""Tokens, inputs and outputs of a layer."""

_GIVEN = """  param %w{i} : float32[{n},{k}] static
  param %a{i} : float32[{k},{n}] trainable
  batch %x{i} : float32[{s},{k}] transient
  batch %dy{i} : float32[{s},{n}] transient
  state %m{i} : float32[{k},{n}] trainable
"""
_LAYER = """\
  %t{i} : float32[{k},{n}] static = aten.t.default(%w{i}) {{forward, static, task="h{i}"}}
  %h{i} : float32[{s},{n}] transient = aten.mm.default(%x{i}, %t{i}) {{forward, static, task="h{i}"}}
  %l{i} : float32[{s},{n}] transient = aten.mm.default(%x{i}, %a{i}) {{forward, trainable, task="l{i}"}}
  %r{i} : float32[{s},{n}] transient = aten.relu.default(%h{i}) {{forward, dynamic, task="r{i}"}}
  %s{i} : float32[{s},{n}] transient = aten.add.Tensor(%r{i}, %l{i}) {{forward, dynamic, task="r{i}"}}
  %z{i} : float32[{s},{n}] transient = aten._softmax.default(%s{i}, 1, false) {{forward, dynamic, task="z{i}"}}
  %y{i} : float32[{s},{n}] transient, %u{i} : float32[{s},1] transient, %v{i} : float32[{s},1] transient = aten.native_layer_norm.default(%z{i}, [{n}], none, none, 1e-05) {{forward, dynamic, task="y{i}"}}
  %dx{i} : float32[{s},{k}] transient = aten.mm.default(%dy{i}, %w{i}) {{input-gradient, static, task="dx{i}"}}
  %xt{i} : float32[{k},{s}] transient = aten.t.default(%x{i}) {{forward, dynamic, task="da{i}"}}
  %da{i} : float32[{k},{n}] transient = aten.mm.default(%xt{i}, %dy{i}) {{weight-gradient, dynamic, task="da{i}"}}
  %n{i} : float32[{k},{n}] trainable = aten.mul.Tensor(%m{i}, 0.9) {{optimizer, trainable, task="o{i}"}}
  %o{i} : float32[{k},{n}] trainable = aten.add.Tensor(%n{i}, %da{i}) {{optimizer, trainable, task="o{i}"}}
"""
_LEAVING = '  update %m{i} <- %o{i}\n  output "y{i}" = %y{i}\n  output "dx{i}" = %dx{i}\n'


@dataclass(frozen=True, slots=True)
class Result:
    """Times in s, each the median of the runs."""

    graph: str
    operations: int
    count_s: float
    device_s: dict[str, float]
    total_s: float

    @property
    def missed(self) -> bool:
        """Say whether it took longer than it may."""
        return self.total_s > LIMIT_S


def step_graph(layers: list[Sizes]) -> Graph:
    """Return the step of independent layers: frozen, with an adapter, its gradient and update."""
    parts = [
        "".join(
            part.format(i=i, s=tokens, k=inputs, n=outputs)
            for i, (tokens, inputs, outputs) in enumerate(layers)
        )
        for part in (_GIVEN, _LAYER, _LEAVING)
    ]
    return from_text(f"graph low {{\n{''.join(parts)}}}\n")


def alike(run: int) -> list[Sizes]:
    """Layers of one size."""
    return _layer_count() * [(57 + run, 512 + run, 512 + run)]


def all_different(run: int) -> list[Sizes]:
    """Layers of which no two have a size in common."""
    return [(16 + i + 500 * run, 64 + 3 * i + run, 48 + 5 * i + run) for i in range(_layer_count())]


def _layer_count() -> int:
    return -(-OPERATIONS // _LAYER.count("\n"))


def timed(graph: Graph, target: Target) -> tuple[float, dict[str, float]]:
    """Return the time in s to count a graph's work, and to price it on each device."""
    tasks = tasks_of(graph)
    started = time.process_time()
    work = count_work(graph, tasks)
    count_s = time.process_time() - started
    device_s = {}
    for spec in target.devices:
        started = time.process_time()
        price_device(spec, work)
        device_s[spec.name] = time.process_time() - started
    return count_s, device_s


def measure(name: str, layers: Callable[[int], list[Sizes]], target: Target, runs: int) -> Result:
    """Time graphs of one kind, each once and alone in memory."""
    found = [timed(step_graph(layers(run)), target) for run in range(runs)]
    return Result(
        name,
        _layer_count() * _LAYER.count("\n"),
        median(count_s for count_s, _ in found),
        {spec.name: median(times[spec.name] for _, times in found) for spec in target.devices},
        median(count_s + sum(times.values()) for count_s, times in found),
    )


def show(results: list[Result]) -> None:
    """Print the times."""
    devices = [*results[0].device_s]
    table = Table(title=f"Pricing a step of {OPERATIONS:,} operations: s, medians")
    for column in ("layers", "operations", "count work", *devices, "total", "limit", ""):
        table.add_column(column, justify="left" if column == "layers" else "right")
    for line in results:
        times = (line.count_s, *line.device_s.values(), line.total_s, LIMIT_S)
        cells = (f"{seconds:.3f}" for seconds in times)
        verdict = "MISSED" if line.missed else "ok"
        table.add_row(line.graph, f"{line.operations:,}", *cells, verdict)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main() -> None:
    """Print the table; exit with 1 where the limit is missed."""
    parser = argparse.ArgumentParser(description="Time the pricing of a large step.")
    parser.add_argument("--target", default="hybrid", help="built-in name or a .toml file")
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts")
    parser.add_argument("--json", type=Path, help="where to write the times")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    target = load_target(options.target)
    results = [
        measure(name, layers, target, options.runs)
        for name, layers in (("alike", alike), ("all different", all_different))
    ]
    show(results)
    if options.json:
        found = [{**asdict(line), "missed": line.missed} for line in results]
        about = {"target": target.name, "runs": options.runs, "limit_s": LIMIT_S}
        write_stamped(options.json, {**about, "results": found})
    sys.exit(1 if any(line.missed for line in results) else 0)


if __name__ == "__main__":
    main()
