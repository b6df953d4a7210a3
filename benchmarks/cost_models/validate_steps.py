"""Write into the targets of GPUs what whole steps say of their latency.

    python -m benchmarks.cost_models.validate_steps --data DIR

To be run after parameters have changed, then `benchmarks.cost_models.validation_page`.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.cost_models.fit_targets import write_validation
from benchmarks.cost_models.gpu_steps import TABLES, Case, known_cases, step_ns
from benchmarks.cost_models.score import score

FIGURE = "latency_step"
_PASSES = "NeuSight; fp32 transformers, forward and backward passes without optimizer"
_FITTED = "mean error; of these rows only the time of memory allocation was fitted"


def texts(cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Yield each GPU's target and what its steps say."""
    for target in sorted({case.target for case in cases}):
        own = [case for case in cases if case.target == target]
        errors = ", ".join(
            f"{kind} {line.mape_pct:.1f} % (rows: {line.cases})"
            for kind, training in (("training", True), ("inference", False))
            for line in score("", "", _pairs(case for case in own if case.training == training))
        )
        yield target, f"{TABLES[0]} ({_PASSES}): {errors}; {_FITTED}"


def _pairs(cases: Iterable[Case]) -> list[tuple[float, float]]:
    return [(step_ns(case), case.measured_ns("e2e")) for case in cases]


def main() -> None:
    parser = argparse.ArgumentParser(description="Validation of GPUs by whole steps.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the measured tables")
    for target, text in texts(known_cases(parser.parse_args().data)):
        write_validation(target, FIGURE, text)
        print(f"{target}: {text}")


if __name__ == "__main__":
    main()
