import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.frontends.cases import eager_results, module_case
from benchmarks.frontends.check import Row, check_case

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
    assert (full.missed, low.missed) == ((), ())
    assert full.grad_max_rel_err is not None
    assert isinstance(case.model, nn.Module)
    assert case.model.get_buffer("norm.num_batches_tracked") == 0


def test_a_failure_is_a_row_per_phase_and_not_the_end() -> None:
    case = module_case("odd", nn.Linear(3, 2), (torch.randn(4, 3),), "mse")
    rows = list(check_case(case, ["nonsense"]))
    assert [row.phase for row in rows] == ["full", "low", "infer"]
    assert all(row.missed == ("error",) and "nonsense" in row.error for row in rows)
