"""Every model of a folder through `hptc compile` and `hptc run --verify`, as a user runs them.

`python -m benchmarks.end_to_end [--models DIR] [--target T] [--time-limit S] [--json OUT]` takes
each NAME.onnx of DIR with NAME.npz (inputs, reference loss and gradients) and NAME.json (its loss,
`mse` or `ce`), and the example model. Exit status 1 where one misses its limits.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.model_folder import FolderModel, models_of
from benchmarks.reference import reference_dir
from benchmarks.stamp import write_stamped
from hptc.cli.output import human_gap
from hptc.cli.run import check_cells

EXAMPLE = Path(__file__).parents[1] / "examples" / "wind.onnx"


@dataclass(frozen=True, slots=True)
class Result:
    """One model: the reports of both commands and their wall times in s."""

    name: str
    compile_s: float
    verify_s: float
    ok: bool
    error: str
    report: dict[str, Any]
    checks: dict[str, Any]


def find_models(folder: Path | None) -> Iterator[FolderModel]:
    yield FolderModel(EXAMPLE, "mse", None)
    if folder:
        yield from models_of(folder)


def run_hptc(*arguments: object) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run the command line; returns the wall time in s and what it printed."""
    script = shutil.which("hptc", path=os.pathsep.join([str(Path(sys.executable).parent)]))
    started = time.monotonic()
    done = subprocess.run(
        [script or "hptc", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return time.monotonic() - started, done


def run_model(found: FolderModel, options: argparse.Namespace) -> Result:
    model, loss, inputs = found.path, found.loss, found.data
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "model.hptc"
        limits = ("--target", options.target, "--time-limit", options.time_limit)
        compile_s, made = run_hptc(
            "compile", model, "--loss", loss, *limits, "-o", bundle, "--json"
        )
        if made.returncode:
            return Result(model.stem, compile_s, 0.0, False, made.stderr.strip(), {}, {})
        given = ("--inputs", inputs) if inputs else ()
        verify_s, checked = run_hptc("run", bundle, "--verify", *given, "--json")
        ok = checked.returncode == 0
        checks = json.loads(checked.stdout) if checked.stdout else {}
        error = "" if ok else checked.stderr.strip()
        return Result(model.stem, compile_s, verify_s, ok, error, json.loads(made.stdout), checks)


def print_results(console: Console, results: list[Result]) -> None:
    placed = Table(title="compiled", box=box.SIMPLE_HEAD)
    for column in ("model", "phase", "ops", "tasks", "MACs static/trainable/dynamic", "devices"):
        placed.add_column(column)
    for column in ("latency ns", "bound ns", "gap", "energy nJ", "all-GPU ns", "compile s"):
        placed.add_column(column, justify="right")
    checked = Table(title="verified", box=box.SIMPLE_HEAD)
    for column in ("model", "phase", "loss", "gradients", "updates", "outputs", "names", "result"):
        checked.add_column(column)
    for result in results:
        for phase, figures in result.report.get("phases", {}).items():
            placed.add_row(result.name, phase, *_placement(figures), f"{result.compile_s:.1f}")
        for phase, check in result.checks.get("phases", {}).items():
            checked.add_row(result.name, phase, *check_cells(check))
        if result.error:
            console.print(f"{result.name}: {result.error}", style="red", markup=False)
    console.print(placed)
    console.print(checked)


def _placement(figures: dict[str, Any]) -> tuple[str, ...]:
    tags = figures["tags"]
    macs = "/".join(f"{tags[tag]['macs'] / 1e6:.2f}M" for tag in ("static", "trainable", "dynamic"))
    devices = " ".join(f"{name}:{item['ops']}" for name, item in figures["devices"].items())
    gpu = figures["baselines"].get(figures["all_gpu"])
    return (
        str(figures["ops"]),
        str(figures["tasks"]),
        macs,
        devices,
        f"{figures['latency_ns']:,}",
        f"{figures['lower_bound_ns']:,}",
        human_gap(figures["gap"]),
        f"{figures['energy_nj']:,.0f}",
        f"{gpu['latency_ns']:,}" if gpu else "-",
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=reference_dir("models"))
    parser.add_argument("--target", default="hybrid")
    parser.add_argument("--time-limit", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console = Console(width=200)
    results = [run_model(found, options) for found in find_models(options.models)]
    print_results(console, results)
    if options.json:
        write_stamped(options.json, {"results": [asdict(result) for result in results]})
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
