"""Quantised models: a pair of quantise and dequantise trains; scales do not."""

import onnx
import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx import Given, ImportedModel, from_model_proto
from hptc.ir.graph import Phase
from tests.evaluate import captured

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
NODES = """
    q = QuantizeLinear <axis = 0> (w, s, z)
    d = DequantizeLinear <axis = 0> (q, s, z)
    xq = QuantizeLinear (x, xs, xz)
    xd = DequantizeLinear (xq, xs, xz)
    m = MatMul (xd, d)
    y = Tanh (m)
"""
CONSTANTS = """
    float[4,3] w = {0.31, -0.22, 0.13, 2.54, -0.65, 0.36, 0.17, -1.88, 0.29, 0.11, -0.55, 0.97},
    float[4] s = {0.01, 0.012, 0.013, 0.004}, int8[4] z = {0, 3, 0, -5},
    float xs = {0.02}, uint8 xz = {120}
"""


def _load(x: Tensor, train: str | None = None) -> ImportedModel:
    text = f"{HEAD} g (float[5,4] x) => (float[5,3] y) <{CONSTANTS}> {{ {NODES} }}"
    model = onnx.parser.parse_model(text)
    return from_model_proto(model, where="m", train=train, given=Given(examples={"x": x}))


def _expected(x: Tensor, module: torch.nn.Module) -> tuple[Tensor, Tensor]:
    """Return the result and the weight that gets its gradient, with torch's own operations."""
    weight = dict(module.named_parameters())["w"].detach().clone().requires_grad_()
    scale = torch.tensor([0.01, 0.012, 0.013, 0.004])
    zero = torch.tensor([0, 3, 0, -5], dtype=torch.int32)
    rows = torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -128, 127)
    seen = torch.fake_quantize_per_tensor_affine(x, 0.02, 120, 0, 255)
    return torch.tanh(seen @ rows), weight


def test_pairs_train_as_fake_quantisation() -> None:
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    module = _load(x.detach()).module
    parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
    assert list(parameters) == ["w"]
    (found,) = module(x)
    wanted, weight = _expected(x, module)
    torch.testing.assert_close(found, wanted)
    grads = torch.autograd.grad(found.square().sum(), [parameters["w"], x])
    expected = torch.autograd.grad(wanted.square().sum(), [weight, x])
    assert (expected[0] == 0).any()
    assert (expected[0] != 0).any()
    for grad, other in zip(grads, expected, strict=True):
        torch.testing.assert_close(grad, other)


def test_captured_step_has_the_gradient() -> None:
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    module, target = _load(x).module, torch.ones(5, 3)
    step = captured(module, (x,), Phase.FULL).step(Phase.FULL, (x,), target=target)
    wanted, weight = _expected(x, module)
    loss = functional.mse_loss(wanted, target)
    torch.testing.assert_close(step.loss, loss.detach())
    (gradient,) = torch.autograd.grad(loss, [weight])
    torch.testing.assert_close(step.gradients, {"w": gradient})


def test_scale_gets_no_gradient() -> None:
    x = torch.randn(5, 4)
    module = _load(x, train="^(w|s)$").module
    parameters = dict(module.named_parameters())
    (found,) = module(x)
    grads = torch.autograd.grad(found.sum(), [*parameters.values()], allow_unused=True)
    assert {name for name, g in zip(parameters, grads, strict=True) if g is not None} == {"w"}
