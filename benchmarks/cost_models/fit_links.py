"""Fit the measured link presets: latency and bandwidth of NCCL transfers on an H100 DGX.

    python -m benchmarks.cost_models.fit_links DIR

Prints what `cost_models/link_presets.toml` holds, with the error on rows that were left out of the
fit (five folds). Rows up to 1 MB are left aside: there NCCL changes protocol from size to size.
"""

import argparse
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.cost_models.links import FITTED, LARGE_BYTES, Transfer, transfers

FOLDS = 5


def fit(rows: list[Transfer]) -> tuple[float, float]:
    """Return latency in ns and bandwidth in bytes/ns by least squares of the relative errors."""
    measured = np.array([row.measured_ns for row in rows])
    sent = np.array([row.sent_bytes for row in rows])
    design = np.stack([np.ones_like(measured), sent], axis=1) / measured[:, None]
    (latency_ns, ns_per_byte), *_ = np.linalg.lstsq(design, np.ones_like(measured), rcond=None)
    return float(latency_ns), float(1 / ns_per_byte)


def left_out_error_pct(rows: list[Transfer]) -> float:
    """Return the mean error over folds that the fit did not see."""
    errors = []
    for fold in range(FOLDS):
        latency_ns, bandwidth = fit([r for i, r in enumerate(rows) if i % FOLDS != fold])
        for row in rows[fold::FOLDS]:
            guess = latency_ns + row.sent_bytes / bandwidth
            errors.append(100 * abs(guess / row.measured_ns - 1))
    return fmean(errors)


def fitted_rows(data: Path, cluster: str, collective: str) -> list[Transfer]:
    """Return the large transfers of a folder that a preset is fitted to."""
    return [
        row
        for row in transfers(data)
        if (row.cluster, row.collective) == (cluster, collective)
        and row.payload_bytes > LARGE_BYTES
    ]


def main() -> None:
    """Print latency, bandwidth and the error left out of every fitted preset."""
    parser = argparse.ArgumentParser(description="Fit the measured link presets.")
    parser.add_argument("data", type=Path, help="folder of the tables")
    data = parser.parse_args().data
    for (cluster, collective), preset in FITTED.items():
        rows = fitted_rows(data, cluster, collective)
        latency_ns, bandwidth = fit(rows)
        print(
            f"{preset}: {latency_ns:.0f} ns, {bandwidth:.1f} bytes/ns, "
            f"{len(rows)} rows, {left_out_error_pct(rows):.1f} % left out"
        )


if __name__ == "__main__":
    main()
