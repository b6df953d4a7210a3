"""What a timing of a single matrix product shows, beside the time of the product.

The host starts each operation (`start_ns`), and a card that cannot hold its clock under load runs
its first products faster: of a product that takes t, the share t / (t + `boost_ns`) runs at the
clock that the card keeps. Both belong to the measurement and stay out of the targets.
"""

from collections.abc import Mapping

import numpy as np

from benchmarks.cost_models.gemm_tables import Measured
from cost_models.gpu import GpuParams
from cost_models.gpu_gemm import Floats, gemm_times_ns

BOOST = "boost_ns"
Values = Mapping[str, float]


def start_of(op: str) -> str:
    """Return the name of the start of an operation."""
    return f"{op}_start_ns"


def shown_ns(params: GpuParams, timing: Values, rows: Measured) -> Floats:
    """Return the times that timings of products show.

    Args:
        params: Of the GPU, in the precision of the products.
        timing: Starts by operation, in ns, and the boost in ns.
        rows: The products.
    """
    kept = _device_ns(params, rows)
    if params.precision == "fp32" and params.clock < 1:
        full = _device_ns(params.model_copy(update={"sustained_clock": 1.0}), rows)
        share = kept / (kept + timing[BOOST])
        kept = share * kept + (1 - share) * full
    return timing[start_of(rows.op)] + kept


def _device_ns(params: GpuParams, rows: Measured) -> Floats:
    times = np.empty(len(rows.times_ns))
    batched = rows.shapes[:, 0] > 1
    for chosen in (batched, ~batched):
        if chosen.any():
            rates = params.gemm_rates(
                params.sm_count,
                params.memory_bandwidth_bytes_per_ns,
                batched=bool(batched[chosen][0]),
            )
            times[chosen] = gemm_times_ns(rows.shapes[chosen], rows.item_bytes, rates)
    return times
