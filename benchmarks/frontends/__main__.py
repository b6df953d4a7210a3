"""Whole models through the frontends: `python -m benchmarks.frontends [--models DIR]`.

Every NAME.onnx of DIR with NAME.npz, and modules of torch and `transformers`, through compile and
`run --verify`, in `full`, `infer` and each form of `low`. With `--macs`, instead, the MACs per tag
in each form; with `--swe` time and memory of capturing HpT's SWE model. Exit status 1 where one
misses a limit.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks.frontends.cases import Case, folder_cases
from benchmarks.frontends.check import FORMS, Row, check_case
from benchmarks.frontends.macs import work_tables
from benchmarks.frontends.swe import measure
from benchmarks.frontends.tables import print_capture, print_rows, print_work
from benchmarks.frontends.torch_models import torch_cases
from benchmarks.reference import reference_dir
from benchmarks.stamp import PACKAGES, write_stamped

Json = dict[str, object]


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


def check_models(console: Console, options: argparse.Namespace) -> tuple[Json, bool]:
    rows: list[Row] = []
    for case in find_cases(options):
        if options.only is None or case.name in options.only:
            found = list(check_case(case, options.forms))
            missed = sum(bool(row.missed) for row in found)
            print(f"{case.name}: {f'{missed} missed' if missed else 'ok'}", file=sys.stderr)
            rows += found
    if not rows:
        sys.exit("No such model: a folder with --models, and names with --only, choose them.")
    print_rows(console, rows)
    results = [{**asdict(row), "missed": row.missed} for row in rows]
    return {"results": results}, any(row.missed for row in rows)


def measure_work(console: Console, options: argparse.Namespace) -> tuple[Json, bool]:
    found: Json = {}
    missed = False
    if options.macs:
        rows = list(work_tables(options.forms))
        print_work(console, rows)
        found["macs"] = [asdict(row) for row in rows]
    if options.swe:
        cost = measure()
        print_capture(console, cost)
        found["swe"], missed = asdict(cost), cost.missed
    return found, missed


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frontends", description=__doc__)
    parser.add_argument("--models", type=Path, default=reference_dir("models"))
    parser.add_argument("--forms", default=",".join(FORMS), help="among " + ", ".join(FORMS))
    parser.add_argument("--only", action="append", help="a model's name; may be repeated")
    parser.add_argument(
        "--no-extra", dest="extra", action="store_false", help="the folder's models alone"
    )
    parser.add_argument("--macs", action="store_true", help="MACs per tag, instead")
    parser.add_argument("--swe", action="store_true", help="capture of the SWE model, instead")
    parser.add_argument("--json", type=Path, help="JSON file to write")
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
    run = measure_work if options.macs or options.swe else check_models
    found, missed = run(console, options)
    if options.json:
        write_stamped(options.json, found, (*PACKAGES, "transformers"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
