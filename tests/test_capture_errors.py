"""What the capture refuses, and in which words."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hptc.errors import ModelError, UnsupportedOpError, UsageError
from hptc.frontend.capture import Selection
from hptc.frontend.decompose import decompositions
from hptc.frontend.losses import CrossEntropy
from hptc.frontend.recipe import Recipe
from hptc.frontend.source import read_source
from hptc.frontend.torch import load_module, load_program
from hptc.ir.graph import Phase
from tests.evaluate import captured
from tests.models import TwoOutputs

ROWS = (torch.randn(5, 4),)


def test_the_flash_attention_entry_is_not_in_the_table() -> None:
    names = {str(op) for op in decompositions()}
    assert not any("flash_attention_for_cpu" in name for name in names)


def test_a_loss_that_depends_on_nothing_trained() -> None:
    module = TwoOutputs()
    module.a.requires_grad_(False)
    with pytest.raises(ModelError, match=r"depends on a trained parameter.*none that does"):
        captured(module, ROWS, Phase.FULL)


@pytest.mark.parametrize("option", ["train", "frozen"])
def test_a_selection_that_matches_nothing(option: str) -> None:
    with pytest.raises(UsageError, match=rf"--{option} nothing.*Near names: "):
        captured(nn.Linear(4, 3), ROWS, selection=Selection(**{option: "nothing"}))


def test_a_selection_that_is_no_expression() -> None:
    with pytest.raises(UsageError, match="expected a regular expression"):
        captured(nn.Linear(4, 3), ROWS, selection=Selection(train="("))


class _Sampled(nn.Module):
    """Draws classes, of a kind that steps do not have, or a mask that no argument switches off."""

    def __init__(self, *, classes: bool) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 3)
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)
        drawn = torch.multinomial(y.exp(), 1) if self.classes else torch.bernoulli(y.sigmoid())
        return y * drawn


@pytest.mark.parametrize(("classes", "phase"), [(True, Phase.FULL), (False, Phase.INFER)])
def test_random_numbers_that_cannot_be_drawn(classes: bool, phase: Phase) -> None:
    with pytest.raises(UnsupportedOpError, match=r"aten.*none in the phase infer.*model.eval\(\)"):
        captured(_Sampled(classes=classes), ROWS, phase)


def test_complex_numbers() -> None:
    inputs = (torch.ones(5, 4, dtype=torch.complex64),)
    with pytest.raises(ModelError, match=r"loss does not support .* complex dtype"):
        captured(nn.Linear(4, 3, dtype=torch.complex64), inputs, Phase.FULL)


def test_complex_numbers_on_the_way() -> None:
    class Spectrum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = torch.fft.rfft(self.a(x)).abs()
            return result

    with pytest.raises(UnsupportedOpError, match="fft"):
        captured(Spectrum(), ROWS, Phase.FULL)


def test_an_operation_in_no_family_names_its_layer() -> None:
    class Inverse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = torch.linalg.inv_ex(self.a(x))[0]
            return result

    with pytest.raises(UnsupportedOpError, match="linalg_inv_ex"):
        captured(Inverse(), (torch.randn(4, 4),), Phase.FULL)


def test_a_loss_that_does_not_suit_the_output() -> None:
    module, recipe = nn.Sequential(nn.Linear(4, 3), _Sum()), Recipe(loss=CrossEntropy())
    with pytest.raises(UsageError, match=r"classes on axis -1, found an output of shape \[\]"):
        captured(module, ROWS, Phase.FULL, recipe=recipe)


class _Sum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum()


def test_a_module_without_example_inputs() -> None:
    with pytest.raises(UsageError, match="a tuple of tensors or a dict of named ones, found None"):
        read_source(nn.Linear(4, 3), None, {}, Selection())


def test_one_tensor_in_place_of_a_tuple() -> None:
    with pytest.raises(UsageError, match="found one tensor"):
        read_source(nn.Linear(4, 3), ROWS[0], {}, Selection())  # type: ignore[arg-type]


@pytest.mark.parametrize("inputs", [(), (torch.randn(5, 3),), (torch.randn(5, 4), torch.ones(2))])
def test_inputs_that_the_model_does_not_take(inputs: tuple[Tensor, ...]) -> None:
    with pytest.raises(ModelError, match=r"Linear: expected a module that torch\.export can"):
        load_module(nn.Linear(4, 3), inputs)


def test_a_program_with_other_inputs() -> None:
    program = torch.export.export(nn.Linear(4, 3), ROWS, strict=False)
    with pytest.raises(
        ModelError, match=r"expected 1 tensors, for input, found Tensor, Tensor, int"
    ):
        load_program(program, (*ROWS, *ROWS, 3))


def test_an_output_of_no_such_name() -> None:
    model = load_module(TwoOutputs(), ROWS)
    with pytest.raises(UsageError, match=r"--output logits.*one of output_0, output_1"):
        model.output_index("logits")


@pytest.mark.parametrize("data", [b"", b"garbage", b"PK\x03\x04" + bytes(64)])
def test_a_file_that_is_no_exported_program(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.pt2"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"model\.pt2.*torch\.export\.save"):
        read_source(path, None, {}, Selection())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.pt2.*readable file"):
        read_source(tmp_path / "absent.pt2", None, {}, Selection())


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        return gradients[0]


def test_a_derivative_of_the_users_own() -> None:
    class Rounds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = _Rounded.apply(self.inner(x))  # type: ignore[no-untyped-call]
            return result

    with pytest.raises(UnsupportedOpError, match=r"_Rounded.*torch\.export leaves out"):
        load_module(Rounds(), ROWS)
