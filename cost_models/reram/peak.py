"""The most that the device can do: every tile full, every array reading all the time."""

from dataclasses import dataclass

from cost_models.reram.area import leakage_w
from cost_models.reram.geometry import Held, arrays_per_weight, columns_per_weight, crossbars
from cost_models.reram.params import ReramParams
from cost_models.reram.programming import capped_ns
from cost_models.reram.read import vector_read
from hptc.units import pj_from_power

_OPS_PER_WEIGHT = 2
_OPS_PER_NS_PER_TOPS = 1_000.0


@dataclass(frozen=True, slots=True)
class Peak:
    """Peak rate and what it takes."""

    tops: float
    tops_per_w: float
    """With the leakage of the whole device."""


def peak(params: ReramParams) -> Peak:
    """Return the peak rate of full arrays with inputs of `input_bits`.

    Each tile holds a matrix of its own, as tall as an array and as wide as the tile's arrays.
    """
    blocks = max(1, params.arrays_per_pe * params.pes_per_tile // arrays_per_weight(params))
    held = Held(params.rows, blocks * max(1, params.cols // columns_per_weight(params)))
    each = vector_read(params, held, params.input_bits)
    count = params.crossbars / crossbars(held, params)
    ops, energy_pj = count * _OPS_PER_WEIGHT * held.weights, count * each.energy_pj
    interval_ns = capped_ns(each.interval_ns, energy_pj, params.read_power_cap_w)
    drawn_pj = energy_pj + pj_from_power(leakage_w(params), interval_ns)
    rate = ops / interval_ns / _OPS_PER_NS_PER_TOPS
    return Peak(rate, ops / drawn_pj if drawn_pj else 0.0)
