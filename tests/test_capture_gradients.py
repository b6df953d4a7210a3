"""Captured steps against torch autograd: loss, every gradient, buffers and outputs."""

import copy
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from hptc.frontend.capture import Selection
from hptc.frontend.losses import CrossEntropy
from hptc.frontend.recipe import Recipe
from hptc.ir.graph import Phase, Role
from tests.capture_checks import CLASSES, close, matches_eager, sequence, tokens
from tests.evaluate import captured
from tests.models import (
    Attention,
    Block,
    FirstOutput,
    FusedQkv,
    InPlace,
    Language,
    MatMul,
    Selected,
    Side,
    TwoOutputs,
)


def _images(channels: int = 4) -> tuple[Tensor, ...]:
    return (torch.randn(2, channels, 8, 8),)


def _rows() -> tuple[Tensor, ...]:
    return (torch.randn(5, 4),)


def _encoder(*, norm_first: bool = False) -> nn.Module:
    layer = nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0.0, batch_first=True, norm_first=norm_first
    )
    return nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)


def _strided() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, groups=2),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3, padding="same", bias=False),
        nn.Flatten(),
        nn.Linear(54, 3),
    )


def _transposed() -> nn.Module:
    up = nn.ConvTranspose1d(8, 6, 3, stride=2, groups=2)
    return nn.Sequential(nn.Conv1d(4, 8, 3, dilation=2), nn.SiLU(), up)


def _activations() -> nn.Module:
    kinds = (
        nn.CELU, nn.ELU, nn.GELU, nn.GLU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish,
        nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid, nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.Sigmoid,
        nn.SiLU, nn.Softplus, nn.Softshrink, nn.Tanh, nn.Tanhshrink,
    )  # fmt: skip
    layers = [nn.Sequential(nn.Linear(4, 6), kind()) for kind in kinds]
    return Side(*layers, nn.Sequential(nn.Linear(4, 6), nn.Threshold(0.1, -0.2)))


def _padded() -> nn.Module:
    pads = (nn.ReflectionPad2d((1, 2, 0, 1)), nn.ReplicationPad2d(2), nn.ConstantPad2d(1, 0.5))
    layers = [nn.Sequential(nn.Conv2d(4, 4, 3), pad, nn.Conv2d(4, 2, 3)) for pad in pads]
    grow = nn.Sequential(nn.Conv2d(4, 2, 3), nn.GroupNorm(2, 2), nn.Upsample(scale_factor=2))
    return Side(*layers, grow)


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3)), _rows),
    "conv, groups, stride": (_strided, _images),
    "conv, dilated, transposed": (_transposed, lambda: (torch.randn(2, 4, 12),)),
    "batch norm": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2)),
        _images,
    ),
    "batch norm of the batch": (
        lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False)),
        _rows,
    ),
    "instance norm": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 4, 3), nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
        ),
        _images,
    ),
    "layer, group and RMS norm": (
        lambda: nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.GroupNorm(2, 6), nn.RMSNorm(6)),
        _rows,
    ),
    "activations": (_activations, _rows),
    "padded, grown": (_padded, _images),
    "selected, rolled": (Selected, sequence),
    "embedding": (
        lambda: nn.Sequential(nn.Embedding(10, 4, padding_idx=2), nn.Linear(4, 3)),
        tokens,
    ),
    "embedding by frequency": (lambda: nn.Embedding(10, 4, scale_grad_by_freq=True), tokens),
    "attention": (Attention, sequence),
    "attention, einsum": (lambda: Attention("einsum_written"), sequence),
    "attention, SDPA": (lambda: Attention("fused"), sequence),
    "attention, causal SDPA": (lambda: Attention("causal"), sequence),
    "attention, fused QKV": (lambda: FusedQkv("fused"), sequence),
    "encoder": (_encoder, sequence),
    "encoder, norm first": (lambda: _encoder(norm_first=True), sequence),
    "block": (Block, sequence),
    "matrix products": (MatMul, _rows),
    "LSTM": (lambda: FirstOutput(nn.LSTM(8, 6, batch_first=True)), sequence),
    "GRU": (lambda: FirstOutput(nn.GRU(8, 6, batch_first=True)), sequence),
    "bilinear": (lambda: nn.Bilinear(3, 4, 2), lambda: (torch.randn(5, 3), torch.randn(5, 4))),
    "writes in place": (InPlace, _rows),
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", CASES)
def test_step_equals_autograd_and_inference_evaluation_mode(name: str) -> None:
    make, draw = CASES[name]
    module, inputs = make(), draw()
    with torch.no_grad():  # so that statistics differ from those of a fresh module
        module(*inputs)
    taken = captured(module, inputs, Phase.FULL, Phase.INFER)
    matches_eager(module, inputs, Recipe(), taken)
    step = taken.step(Phase.INFER, inputs)
    with torch.no_grad():
        torch.testing.assert_close(step.output(), copy.deepcopy(module).eval()(*inputs))
    assert not step.graph.updates
    assert not step.graph.gradients


@pytest.mark.parametrize("tied", [False, True])
def test_cross_entropy_over_tokens(tied: bool) -> None:
    module, inputs = Language(tied=tied), tokens()
    taken = captured(module, inputs, Phase.FULL, recipe=CLASSES)
    matches_eager(module, inputs, CLASSES, taken)
    assert ("head.weight" in taken.model.parameters) is not tied


def test_cross_entropy_over_pixels() -> None:
    module, inputs = nn.Conv2d(4, 3, 3), _images()
    recipe = Recipe(loss=CrossEntropy(axis=1))
    step = captured(module, inputs, Phase.FULL, recipe=recipe).step(
        Phase.FULL, inputs, target=(target := torch.randint(3, (2, 6, 6)))
    )
    torch.autograd.backward(nn.functional.cross_entropy(module(*inputs), target))
    expected = {n: p.grad for n, p in module.named_parameters() if p.grad is not None}
    close(step.gradients, expected)


def test_what_torch_runs_as_one_kernel_stays_one_operation() -> None:
    graph = captured(Block(), sequence(), Phase.FULL).result.graphs[Phase.FULL]
    counts = Counter(op.kind.split(".")[1] for op in graph.ops if op.role is not Role.OPTIMIZER)
    assert counts["native_layer_norm_backward"] == counts["native_layer_norm"] > 0
    assert counts["_softmax_backward_data"] == counts["_softmax"] > 0
    assert counts["exp"] == counts["erf"] == 0


def test_loss_takes_the_named_output() -> None:
    module, inputs = TwoOutputs(), _rows()
    recipe = Recipe(output=1)
    taken = captured(module, inputs, Phase.FULL, recipe=recipe)
    matches_eager(module, inputs, recipe, taken)
    assert taken.result.graphs[Phase.FULL].trained == ("b.weight", "b.bias")


def test_frozen_parameters_have_neither_gradient_nor_update() -> None:
    module, inputs = Block(), sequence()
    module.up.weight.requires_grad_(False)
    taken = captured(module, inputs, Phase.FULL, selection=Selection(frozen=r"norm\.bias"))
    step = taken.step(Phase.FULL, inputs, target=torch.randn(2, 5, 8))
    frozen = {"up.weight", "norm.bias"}
    assert set(step.gradients) == {n for n, _ in module.named_parameters()} - frozen
    assert frozen.isdisjoint(step.new)


def test_dropout_is_off_in_inference() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True)
    inputs = sequence()
    step = captured(layer, inputs, Phase.INFER).step(Phase.INFER, inputs)
    torch.testing.assert_close(step.output(), copy.deepcopy(layer).eval()(*inputs).detach())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_element_types(dtype: torch.dtype) -> None:
    module, inputs = nn.Linear(4, 3).to(dtype), (torch.randn(5, 4, dtype=dtype),)
    step = captured(module, inputs, Phase.FULL).step(
        Phase.FULL, inputs, target=torch.ones(5, 3, dtype=dtype)
    )
    torch.autograd.backward(nn.functional.mse_loss(module(*inputs), torch.ones(5, 3, dtype=dtype)))
    expected = {n: p.grad for n, p in module.named_parameters() if p.grad is not None}
    close(step.gradients, expected, 1e-2 if dtype is torch.bfloat16 else 1e-6)
    assert {tensor.dtype for tensor in step.new.values()} == {dtype}
