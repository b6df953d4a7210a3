"""Whole models through the frontends: `python -m benchmarks.frontends [--models DIR]`.

Every NAME.onnx of DIR with NAME.npz, and modules of torch and `transformers`, through compile and
`run --verify`, in `full`, `infer` and each form of `low`. Exit status 1 where one misses a limit.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.frontends.cases import Case, folder_cases
from benchmarks.frontends.check import FORMS, Row, check_case
from benchmarks.frontends.torch_models import torch_cases
from benchmarks.model_folder import default_folder
from benchmarks.stamp import stamp


def find_cases(options: argparse.Namespace) -> Iterator[Case]:
    if options.models:
        yield from folder_cases(options.models)
    if options.extra:
        yield from torch_cases()
        yield from _transformers_cases()


def _transformers_cases() -> Iterator[Case]:
    try:
        from benchmarks.frontends.transformers_models import transformers_cases
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        sys.exit("The models of `transformers` need it: pip install transformers, or --no-extra.")
    yield from transformers_cases()


def print_rows(console: Console, rows: list[Row]) -> None:
    table = Table(title="compile and run --verify", box=box.SIMPLE_HEAD)
    for column in ("model", "phase"):
        table.add_column(column)
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
            f"{row.phase} {row.form or ''}",
            "-" if row.ops is None else str(row.ops),
            *("-" if error is None else f"{error:.1e}" for error in errors),
            "-" if row.capture_s is None else f"{row.capture_s:.1f}",
            f"[red]{', '.join(row.missed)}" if row.missed else "ok",
        )
    console.print(table)
    for row in rows:
        if row.error:
            console.print(f"{row.model} {row.phase} {row.form or ''}: {row.error}", style="red")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frontends", description=__doc__)
    parser.add_argument("--models", type=Path, default=default_folder())
    parser.add_argument("--forms", default=",".join(FORMS), help="among " + ", ".join(FORMS))
    parser.add_argument("--only", action="append", help="a model's name; may be repeated")
    parser.add_argument(
        "--no-extra", dest="extra", action="store_false", help="the folder's models alone"
    )
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    options.forms = options.forms.split(",")
    if unknown := set(options.forms) - set(FORMS):
        parser.error(f"--forms: {', '.join(sorted(unknown))} not among {', '.join(FORMS)}")
    if options.models and not options.models.is_dir():
        parser.error(f"--models: {options.models} is not a folder")
    return options


def main() -> int:
    options = parse_options()
    console = Console(width=140)
    rows: list[Row] = []
    for case in find_cases(options):
        if options.only is None or case.name in options.only:
            rows += check_case(case, options.forms)
            print(f"{case.name}: {_verdict(rows, case.name)}", file=sys.stderr)
    if not rows:
        sys.exit("No model of that name.")
    print_rows(console, rows)
    missed = sum(bool(row.missed) for row in rows)
    console.print(f"{len(rows)} checks, {missed} missed")
    if options.output:
        results = [{**asdict(row), "missed": row.missed} for row in rows]
        options.output.write_text(json.dumps({**stamp(), "results": results}, indent=1))
    return 1 if missed else 0


def _verdict(rows: list[Row], name: str) -> str:
    missed = sum(bool(row.missed) for row in rows if row.model == name)
    return f"{missed} missed" if missed else "ok"


if __name__ == "__main__":
    sys.exit(main())
