# ruff: noqa: E501 - graph text has one line per operation, however long
from math import ceil

import pytest

from cost_models.load import load_target
from cost_models.systolic import SystolicParams
from cost_models.systolic.vector import VectorWork, vector_work
from hptc.ir.text import from_text
from tests.cost_examples import work_of

LANES = 128 * 16
SPECIAL_CYCLES = 4


def params(*overrides: str) -> SystolicParams:
    return SystolicParams.model_validate(
        load_target("systolic", overrides).device("systolic").table
    )


def done(expression: str, rows: int, length: int, *overrides: str) -> VectorWork:
    """The work of one operation on %x of rows x length, and %y like it."""
    shape = f"float32[{rows},{length}]"
    results = {
        "aten.sum.dim_IntList": f"float32[{rows}]",
        "aten.sum.default": "float32[]",
    }.get(expression.partition("(")[0], shape)
    norm = f", %mean : float32[{rows},1] transient, %rstd : float32[{rows},1] transient"
    graph = from_text(f"""graph full {{
  batch %x : {shape} transient
  batch %y : {shape} transient
  %o : {results} transient{norm if "native_layer_norm." in expression else ""} = {expression} {{forward, dynamic, task="t"}}
  output "o" = %o
}}
""")
    (op,) = work_of(graph)["t"].ops
    return vector_work(op, params(*overrides))


@pytest.mark.parametrize(
    ("expression", "lane_cycles"),
    [
        ("aten.add.Tensor(%x, %y)", 1),
        ("aten.mul.Tensor(%x, 2.0)", 1),
        ("aten.div.Tensor(%x, 2.0)", 1),
        ("aten.div.Tensor(%x, %y)", SPECIAL_CYCLES),
        ("aten.exp.default(%x)", SPECIAL_CYCLES),
        ("aten.rsqrt.default(%x)", SPECIAL_CYCLES),
        ("aten.sigmoid.default(%x)", 1 + 2 * SPECIAL_CYCLES),
        ("aten.pow.Tensor_Scalar(%x, 2.0)", 1),
        ("aten.pow.Tensor_Scalar(%x, 0.3)", 2 * SPECIAL_CYCLES - 1),
        ("aten.clone.default(%x)", 1),
    ],
)
def test_kinds_cost_what_their_functions_do(expression: str, lane_cycles: int) -> None:
    work = done(expression, 300, 70)
    assert work.cycles == ceil(300 * 70 * lane_cycles / LANES)
    assert (work.buffer_passes, work.memory_passes) == (1, 1)


def test_a_slower_special_unit_shows_in_special_functions_alone() -> None:
    slow = "devices.systolic.special_function_lane_cycles=8.0"
    assert done("aten.exp.default(%x)", 64, 64, slow).cycles == 8 * 64 * 64 / LANES
    assert done("aten.add.Tensor(%x, %y)", 64, 64, slow).cycles == 64 * 64 / LANES


def test_a_sum_of_everything_ends_in_a_tree_over_the_lanes() -> None:
    # Each lane adds 2 elements, then 2,048 partial sums take 11 steps.
    assert done("aten.sum.default(%x)", 64, 64).cycles == 2 + 11
    # As many rows as lanes: a row a lane, no tree.
    assert done("aten.sum.dim_IntList(%x, [1])", LANES, 40).cycles == 40


def test_a_softmax_takes_exponentials_passes_and_trees() -> None:
    work = done("aten._softmax.default(%x, 1, false)", 100, 256)
    elements = 100 * 256
    assert work.specials == elements + 100
    assert work.arithmetic == 5 * elements - work.specials
    assert (work.buffer_passes, work.memory_passes) == (3, 1)
    assert work.cycles > (5 + SPECIAL_CYCLES - 1) * elements / LANES
    gradient = done("aten._softmax_backward_data.default(%x, %y, 1, float32)", 100, 256)
    assert gradient.specials == 0
    assert gradient.buffer_passes == 2


def test_a_row_beyond_the_buffer_comes_from_memory_in_every_pass() -> None:
    fits, longer = 64 * 1024 // 4 - 400, 64 * 1024 // 4 + 1
    for kind in ("aten._softmax.default(%x, 1, false)", "aten._log_softmax.default(%x, 1, false)"):
        assert done(kind, 3, fits).memory_passes == 1
        assert done(kind, 3, longer).memory_passes == 3


def test_a_norm_takes_one_root_a_row() -> None:
    work = done("aten.native_layer_norm.default(%x, [96], none, none, 1e-05)", 50, 96)
    assert work.specials == 50
    assert work.buffer_passes == 3


def test_cycles_grow_with_rows_and_length() -> None:
    for kind in ("aten._softmax.default(%x, 1, false)", "aten.sum.dim_IntList(%x, [1])"):
        for sizes in ([(rows, 300) for rows in (1, 7, 64, 2048, 2049)],
                      [(7, length) for length in (1, 100, 5_000, 16_000, 17_000, 70_000)]):  # fmt: skip
            cycles = [done(kind, *size).cycles for size in sizes]
            assert cycles == sorted(cycles), kind
