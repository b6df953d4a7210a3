"""The vector units: everything that is no matrix product.

A lane does one addition, multiplication or comparison a cycle; reciprocals, roots, exponentials and
the like take more. `hptc.ir.ops.flops` counts the operations, this module those among them that are
special functions, the passes over a row, and the steps in which lanes add up what each of them has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from cost_models.systolic.params import SystolicParams
from cost_models.work import OpWork
from hptc.ir.families import Family, base_name
from hptc.ir.graph import Ref
from hptc.ir.rows import Rows

_BY_NUMBER = frozenset({"div", "floor_divide", "fmod", "remainder"})
"""Divisions, which are products where the divisor is a number."""

_SPECIAL: Mapping[str, int] = {
    name: count
    for count, names in {
        1: """
            acos acosh addcdiv asin asinh atan atanh celu cos div elu erf erfc erfinv exp exp2 expm1
            elu_backward floor_divide fmod glu_backward hypot log log10 log1p log2 logcumsumexp
            logit logsumexp reciprocal remainder rsqrt sin sqrt xlogy _softmax _safe_softmax
            _log_softmax _log_softmax_backward_data
        """,
        2: """
            atan2 cosh gelu gelu_backward glu log_sigmoid_forward log_sigmoid_backward logaddexp
            pow sigmoid silu silu_backward sinc sinh softplus softplus_backward tan tanh
        """,
        3: "mish",
        4: "digamma lgamma normal",
        5: "mish_backward",
    }.items()
    for name in names.split()
}
"""Special functions for each element written: a sigmoid is an exponential and a reciprocal, a power
a logarithm and an exponential, a normal number a logarithm, a root, a sine and a cosine."""

_SUMS: Mapping[str, int] = {"_softmax_backward_data": 1, "_log_softmax_backward_data": 1}
_FAMILY_SUMS: Mapping[Family, int] = {Family.REDUCTION: 1, Family.SOFTMAX: 2, Family.NORM: 2}
"""Reductions of a row: maximum and sum of a softmax, mean and variance of a norm, two products of
its gradient."""


@dataclass(frozen=True, slots=True)
class VectorWork:
    """What an operation takes of the vector units."""

    cycles: int
    arithmetic: int
    """Additions, multiplications and comparisons."""
    specials: int
    buffer_passes: int
    """Times that the operands are read from the buffers: for each reduction of a row, and to apply
    it."""
    memory_passes: int
    """Times that they are read from memory: as often, if a row does not fit half of a buffer."""


def vector_work(op: OpWork, params: SystolicParams) -> VectorWork:
    """Return what an operation that is no contraction takes of all vector units together."""
    specials = _specials(op)
    lane_cycles = max(op.flops, op.elements) + specials * (params.special_function_lane_cycles - 1)
    sums = _SUMS.get(base_name(op.op.kind), _FAMILY_SUMS.get(op.family, 0))
    arithmetic = max(0, op.flops - specials)
    if not sums or not lane_cycles:
        return VectorWork(ceil(lane_cycles / params.lanes), arithmetic, specials, 1, 1)
    if op.rows is None or not op.rows.bytes:
        rows = max(1, op.elements)
        shape = Rows(rows, max(1, op.flops // rows), params.word_bytes)
        cycles = _row_cycles(shape, sums, lane_cycles, params)
        return VectorWork(cycles, arithmetic, specials, 1, 1)
    held = params.buffers.half.ifmap * params.word_bytes // (op.rows.length * op.rows.item_bytes)
    fewest = -(-params.vector_lanes // max(1, held))
    alone = _row_specials(op) // op.rows.count * (params.special_function_lane_cycles - 1)
    cycles = _row_cycles(op.rows, sums, lane_cycles, params, fewest, alone)
    passes = sums + 1
    return VectorWork(cycles, arithmetic, specials, passes, 1 if held else passes)


def _specials(op: OpWork) -> int:
    """Special functions of an operation; division by a number is a product, as is a square.

    A softmax divides, or takes the logarithm of, one sum a row; a norm takes one root.
    """
    name, by = base_name(op.op.kind), op.op.args[1:2]
    if (name in _BY_NUMBER and not isinstance(by[0], Ref)) or (name == "pow" and by[0] in (2, 3)):
        return 0
    elements = op.flops if op.family is Family.REDUCTION else op.elements
    return _SPECIAL.get(name, 0) * elements + _row_specials(op)


def _row_specials(op: OpWork) -> int:
    """Special functions that are done once a row."""
    is_forward = "backward" not in base_name(op.op.kind)
    return op.rows.count if op.rows and op.family in _FAMILY_SUMS and is_forward else 0


def _row_cycles(
    rows: Rows,
    sums: int,
    lane_cycles: float,
    params: SystolicParams,
    fewest: int = 1,
    alone: float = 0.0,
) -> int:
    """Cycles to reduce rows, with as many lanes a row as is fastest, but no fewer than `fewest`.

    Few lanes a row leave few steps in which they add up their parts; many of them keep the lanes
    busy when rows are few, and fill the buffers with few rows at once. The lanes of a row share its
    lane cycles, but for those that one of them does `alone`.
    """
    each = (lane_cycles - rows.count * alone) / (rows.count * rows.length)
    lanes_a_row = [1 << power for power in range(params.lanes.bit_length())]
    return min(
        ceil(
            -(-rows.count // (params.lanes // lanes))
            * (-(-rows.length // lanes) * each + alone + sums * steps)
        )
        for steps, lanes in enumerate(lanes_a_row)
        if lanes >= fewest or lanes == lanes_a_row[-1]
    )
