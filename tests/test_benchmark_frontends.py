import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.applications.models import EncoderLayer, Size
from benchmarks.frontends.cases import eager_results, module_case
from benchmarks.frontends.check import Row, check_case
from benchmarks.frontends.macs import macs_by_tag
from benchmarks.frontends.swe import CaptureCost
from hptc.frontend.adapter_options import parse_adapter
from hptc.frontend.capture import capture
from hptc.frontend.recipe import Recipe
from hptc.frontend.torch import load_module
from hptc.ir.graph import Phase
from passes import PIPELINE, run_passes

GOOD = {
    "loss_abs_err": 1e-7,
    "grad_max_rel_err": 1e-6,
    "update_max_rel_err": 1e-7,
    "trained_names_match": True,
    "verified": True,
    "capture_s": 2.0,
}


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.norm(self.conv(x)).mean((2, 3))
        return result


@pytest.mark.parametrize(
    ("figure", "missed"),
    [
        ({}, ()),
        ({"loss_abs_err": 2e-6}, ("loss_abs_err",)),
        ({"grad_max_rel_err": float("nan")}, ("grad_max_rel_err",)),
        ({"update_max_rel_err": 2e-6}, ("update_max_rel_err",)),
        ({"loss_abs_err": None, "grad_max_rel_err": None, "update_max_rel_err": None}, ()),
        ({"trained_names_match": False, "verified": False}, ("trained names", "verify")),
        ({"capture_s": 16.0}, ("capture_s",)),
        ({"error": "no"}, ("error",)),
    ],
)
def test_a_row_names_what_it_misses(figure: dict[str, float], missed: tuple[str, ...]) -> None:
    assert Row("m", "full", None, **{**GOOD, **figure}).missed == missed  # type: ignore[arg-type]


def test_eager_results_have_the_layout_of_the_reference_files() -> None:
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    x = torch.randn(4, 3)
    arrays = eager_results(module, (x,), "mse")
    found = {name: array.astype(np.float32) for name, array in arrays.items()}
    assert set(found) == {"in_0", "target", "ref_out", "ref_loss", "grad/weight", "grad/bias"}
    residual = found["ref_out"] - found["target"]
    np.testing.assert_allclose(found["ref_loss"], np.square(residual).mean(), rtol=1e-6)
    np.testing.assert_allclose(found["grad/weight"], residual.T @ x.numpy() / 4, rtol=1e-5)


def test_batch_norm_in_training_mode_is_exact_and_the_case_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    case = module_case("normed", Normed().train(), (torch.randn(3, 2, 5, 5),), "mse")
    full, low, _ = check_case(case, ["lora"])
    a_wall_time = {"capture_s"}  # long on a busy machine
    assert {*full.missed, *low.missed} <= a_wall_time
    assert full.grad_max_rel_err is not None
    assert isinstance(case.model, nn.Module)
    assert case.model.get_buffer("norm.num_batches_tracked") == 0


def test_a_failure_is_a_row_per_phase_and_not_the_end() -> None:
    case = module_case("odd", nn.Linear(3, 2), (torch.randn(4, 3),), "mse")
    rows = list(check_case(case, ["nonsense"]))
    assert [row.phase for row in rows] == ["full", "low", "infer"]
    assert all(row.missed == ("error",) and "nonsense" in row.error for row in rows)


def test_macs_of_one_encoder_layer_are_those_counted_by_hand() -> None:
    tokens, width, ffn, batch = 6, 8, 32, 2
    size = Size(tokens, width, width, 1, 2, ffn // width, (), ())
    x = torch.randn(batch, tokens, width)
    model = load_module(EncoderLayer(size, dropout=0.0).eval(), (x,))
    graph = capture(model, (Phase.FULL,), Recipe(), parse_adapter("lora")).graphs[Phase.FULL]
    found = macs_by_tag(run_passes(graph, PIPELINE))
    attention = batch * tokens * tokens * width
    weights = 4 * width * width + 2 * width * ffn
    on_the_way_back = weights - 3 * width * width  # nothing asks for the gradient of x
    rows = batch * tokens
    assert found == {
        "folded": 0,
        "static": 0,
        "trainable": rows * (weights + on_the_way_back),
        "dynamic": rows * weights + 6 * attention,
    }


def test_capture_cost_is_held_to_both_limits() -> None:
    assert not CaptureCost(1, {}, seconds=60.0, peak_gib=6.0).missed
    assert CaptureCost(1, {}, seconds=60.1, peak_gib=1.0).missed
    assert CaptureCost(1, {}, seconds=1.0, peak_gib=6.1).missed
