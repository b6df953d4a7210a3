"""The op tables against the standard's own node tests, and gradients against differences."""

import warnings
from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from hptc.errors import HptcError
from hptc.frontend.onnx import Given, ImportedModel, from_model_proto
from hptc.frontend.onnx_ops import find_rule
from hptc.frontend.onnx_ops.types import DTYPES, to_torch

NOT_EXACT = ("training_dropout", "bf16")
"""Dropout draws its own numbers, and the standard adds bfloat16 up in an order of its own."""


def _value(item: Any) -> Any:
    if item is None:
        return None
    if isinstance(item, list | tuple):
        return tuple(_value(part) for part in item)
    tensor = item if isinstance(item, onnx.TensorProto) else numpy_helper.from_array(np.array(item))
    return to_torch(tensor)


def _is_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.dim() > 0


def _import(model: onnx.ModelProto, inputs: dict[str, Any]) -> ImportedModel:
    """Import with as many live inputs as possible: shapes and axes must be known at import."""
    sequences = {n: v for n, v in inputs.items() if not isinstance(v, torch.Tensor)}
    integers = {n: v for n, v in inputs.items() if not _is_float(v)}
    for fixed in (sequences, integers):
        examples = {n: v for n, v in inputs.items() if n not in fixed}
        try:
            return from_model_proto(model, where="case", given=Given(fixed, examples))
        except HptcError:
            continue
    return from_model_proto(model, where="case", given=Given(inputs))


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, tuple):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if expected is None or found.dtype != expected.dtype or found.shape != expected.shape:
        return found is expected
    return torch.allclose(found.double(), expected.double(), rtol=1e-3, atol=1e-6, equal_nan=True)


def _outcome(case: Any) -> str:
    elements = {
        i.type.tensor_type.elem_type for i in (*case.model.graph.input, *case.model.graph.output)
    }
    if elements - set(DTYPES) - {0}:
        return "type"
    for given, wanted in case.data_sets:
        names = [value.name for value in case.model.graph.input]
        inputs = dict(zip(names, map(_value, given), strict=True))
        try:
            imported = _import(case.model, inputs)
        except HptcError:
            return "refused"
        with torch.no_grad():
            found = imported.module(*imported.example_inputs)
        if not all(map(_same, found, map(_value, wanted))):
            return "wrong"
    return "passed"


def test_node_tests_of_the_standard() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests  # noqa: PLC0415  (it warns)

        cases = load_model_tests(kind="node")
    outcomes = {case.name: _outcome(case) for case in cases}
    wrong = [name for name, outcome in outcomes.items() if outcome == "wrong"]
    assert [name for name in wrong if not any(mark in name for mark in NOT_EXACT)] == []
    counts = Counter(outcomes.values())
    assert counts["passed"] >= 0.85 * len(cases), counts


def _apply(nodes: str, **arrays: np.ndarray) -> tuple[ImportedModel, list[torch.Tensor]]:
    shapes = ", ".join(f"float{list(a.shape)} {n}" for n, a in arrays.items())
    text = f'<ir_version: 8, opset_import: ["" : 20]> g ({shapes}) => (float[A] y) {{ {nodes} }}'
    model = onnx.parser.parse_model(text)
    tensors = {n: torch.from_numpy(a.astype(np.float32)) for n, a in arrays.items()}
    return from_model_proto(model, where="case", given=Given(examples=tensors)), list(
        tensors.values()
    )


RNG = np.random.default_rng(3)
GRADIENTS = {
    "linear": ("y = Gemm <transB = 1, alpha = 0.5> (a, b)", (3, 4), (5, 4)),
    "convolution": ("y = Conv <pads = [1, 0, 2, 1]> (a, b)", (1, 2, 5, 5), (3, 2, 3, 3)),
    "transposed": ("y = ConvTranspose <output_padding = [1]> (a, b)", (1, 2, 4), (2, 3, 3)),
    "layer norm": ("n = LayerNormalization (a, b)  y = Tanh (n)", (3, 6), (6,)),
    "rms norm": ("s = Mul (a, a)  m = ReduceMean (s)  r = Sqrt (m)  y = Mul (r, b)", (3, 6), (6,)),
    "softmax": ("s = Softmax (a)  y = Mul (s, b)", (3, 6), (6,)),
    "einsum": ('y = Einsum <equation = "nm,bmc->bnc"> (a, b)', (4, 4), (2, 4, 3)),
    "gelu": ("g = Gelu (a)  y = Mul (g, b)", (3, 4), (4,)),
    "max pool": ("p = MaxPool <kernel_shape = [2]> (a)  y = Mul (p, b)", (1, 2, 5), (4,)),
    "lstm": ("y = LSTM <hidden_size = 2> (a, b, r)", (3, 1, 4), (1, 8, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient_against_central_differences(name: str) -> None:
    nodes, *shapes = GRADIENTS[name]
    arrays = {n: RNG.normal(size=shape) for n, shape in zip("ab", shapes, strict=True)}
    if name == "lstm":
        arrays["r"] = RNG.normal(size=(1, 8, 2))
    imported, inputs = _apply(nodes, **arrays)
    doubles = [x.double().requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(imported.module, doubles, eps=1e-5, atol=1e-5)


def test_meaning_changes_with_the_opset() -> None:
    x = torch.arange(8.0).reshape(1, 2, 4)
    flat, last = (find_rule("", "Softmax", version) for version in (12, 13))
    assert flat is not None
    assert last is not None
    assert torch.allclose(flat.run(x).sum(), torch.tensor(1.0))
    assert torch.allclose(last.run(x).sum(-1), torch.ones(1, 2))
    assert find_rule("", "Attention", 22) is None
    assert find_rule("com.acme", "Softmax", 20) is None


def test_each_activation_takes_its_own_coefficients() -> None:
    """LeakyRelu has no beta, so the only one belongs to the other direction."""
    rule = find_rule("", "RNN", 20)
    assert rule is not None
    x, w, r = torch.randn(3, 2, 4), torch.randn(2, 5, 4), torch.randn(2, 5, 5)
    names, alphas = ("LeakyRelu", "HardSigmoid"), (0.3, 0.4)
    both = rule.run(
        *(x, w, r),
        activations=names,
        activation_alpha=alphas,
        activation_beta=(0.7,),
        direction="bidirectional",
        outputs=1,
    )
    for d, (direction, betas) in enumerate((("forward", ()), ("reverse", (0.7,)))):
        one = rule.run(
            *(x, w[d : d + 1], r[d : d + 1]),
            activations=names[d : d + 1],
            activation_alpha=alphas[d : d + 1],
            activation_beta=betas,
            direction=direction,
            outputs=1,
        )
        torch.testing.assert_close(both[:, d], one[:, 0])


@pytest.mark.parametrize(("version", "axes"), [(12, "attribute"), (13, "input")])
def test_axes_as_attribute_or_input(version: int, axes: str) -> None:
    how = ("<axes = [1]> (x)", "(x, axes)")[axes == "input"]
    text = f'<ir_version: 7, opset_import: ["" : {version}]> g (float[2,3] x) => (float[A,B,C] y)'
    model = onnx.parser.parse_model(f"{text} {{ s = Squeeze (x)  y = Unsqueeze {how} }}")
    if axes == "input":
        model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "axes"))
    imported = from_model_proto(model, where="m")
    assert imported.module(torch.zeros(2, 3))[0].shape == (2, 1, 3)
