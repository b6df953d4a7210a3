"""Control flow at import: branches chosen, loops and scans unrolled, their weights trained."""

from collections.abc import Callable

import onnx
import pytest
import torch
from torch import Tensor

from hptc.errors import ModelError
from hptc.frontend import onnx_control
from hptc.frontend.onnx import Given, ImportedModel, from_model_proto

TAIL = '<ir_version: 8, opset_import: ["" : 17]>'
W = "float[3,3] w = {0.1, 0.2, -0.3, 0.4, 0.5, -0.6, 0.7, -0.8, 0.9}"
WEIGHT = torch.tensor([[0.1, 0.2, -0.3], [0.4, 0.5, -0.6], [0.7, -0.8, 0.9]])


def _load(text: str, **examples: Tensor) -> ImportedModel:
    model = onnx.parser.parse_model(f"{TAIL} {text}")
    return from_model_proto(model, where="m", given=Given(examples=examples))


def _check(text: str, expected: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> None:
    """Compare result and gradient of the weight with those of torch."""
    imported = _load(text, x=x)
    parameters = dict(imported.module.named_parameters())
    assert list(parameters) == ["w"]
    assert parameters["w"].requires_grad
    (found,) = imported.module(x)
    weight = WEIGHT.clone().requires_grad_()
    wanted = expected(x, weight)
    torch.testing.assert_close(found, wanted)
    (wanted_grad,) = torch.autograd.grad(wanted.square().sum(), [weight])
    (grad,) = torch.autograd.grad(found.square().sum(), [parameters["w"]])
    torch.testing.assert_close(grad, wanted_grad)


def _power(x: Tensor, w: Tensor) -> Tensor:
    for _ in range(3):
        x = torch.tanh(x @ w)
    return x


LOOP = f"""g (float[2,3] x) => (float[2,3] y) <int64 n = {{3}}, {W}> {{
    y = Loop (n, "", x) <body = b (int64 i, bool c, float[2,3] s) => (bool d, float[2,3] t) {{
        d = Identity (c)  m = MatMul (s, w)  t = Tanh (m) }}>
}}"""


def test_loop_trains_the_weight_of_the_outer_scope() -> None:
    _check(LOOP.replace('""', ""), _power, torch.randn(2, 3))


def test_weight_stored_in_the_body() -> None:
    text = LOOP.replace(f", {W}", "").replace("float[2,3] t) {", f"float[2,3] t) <{W}> {{")
    _check(text.replace('""', ""), _power, torch.randn(2, 3))


def test_loop_ends_by_its_condition_and_collects_results() -> None:
    text = f"""g (float[2,3] x) => (float[2,3] l, float[A,2,3] y) <bool go = {{1}}, {W}> {{
        l, y = Loop (, go, x) <
            body = b (int64 i, bool c, float[2,3] s) => (bool d, float[2,3] t, float[2,3] u) <
                int64 two = {{2}}> {{
            d = Less (i, two)  m = MatMul (s, w)  t = Tanh (m)  k = CastLike (i, m)
            u = Add (t, k) }}>
    }}"""
    x = torch.randn(2, 3)
    last, rows = _load(text, x=x).module(x)
    torch.testing.assert_close(last, _power(x, WEIGHT))
    assert rows.shape == (3, 2, 3)
    torch.testing.assert_close(rows[2], last + 2)


def test_nested_loops_and_branches() -> None:
    text = f"""g (float[2,3] x) => (float[2,3] y) <int64 n = {{2}}, bool go = {{1}}, {W}> {{
        y = Loop (n, go, x) <body = outer (int64 i, bool c, float[2,3] s) => (bool d, float[2,3] t) {{
            d = Identity (c)
            t = Loop (n, go, s) <body = inner (int64 j, bool e, float[2,3] p) => (bool f, float[2,3] q) {{
                f = Identity (e)  same = Equal (i, j)
                q = If (same) <then_branch = a () => (float[2,3] r) {{ r = MatMul (p, w) }},
                               else_branch = o () => (float[2,3] r) {{ r = Tanh (p) }}> }}> }}>
    }}"""  # noqa: E501

    def expected(x: Tensor, w: Tensor) -> Tensor:
        return torch.tanh(torch.tanh(x @ w)) @ w

    _check(text, expected, torch.randn(2, 3))


SCAN = f"""g (float[4,2,3] x, float[2,3] h) => (float[2,3] last, float[2,4,3] y) <{W}> {{
    last, y = Scan (h, x) <num_scan_inputs = 1, scan_input_directions = [%d],
        scan_output_axes = [1], scan_output_directions = [%d],
        body = b (float[2,3] s, float[2,3] e) => (float[2,3] t, float[2,3] o) {{
            m = MatMul (s, w)  a = Add (m, e)  t = Tanh (a)  o = Identity (t) }}>
}}"""


@pytest.mark.parametrize(("reads", "writes"), [(0, 0), (1, 1), (1, 0)])
def test_scan_is_a_recurrence(reads: int, writes: int) -> None:
    x, h = torch.randn(4, 2, 3), torch.randn(2, 3)
    imported = _load(SCAN % (reads, writes), x=x, h=h)
    last, y = imported.module(x, h)
    weight = WEIGHT.clone().requires_grad_()
    state, rows = h, []
    for step in x.flip(0) if reads else x:
        state = torch.tanh(state @ weight + step)
        rows.append(state)
    wanted = torch.stack(rows[::-1] if writes else rows, 1)
    torch.testing.assert_close(last, state)
    torch.testing.assert_close(y, wanted)
    (grad,) = torch.autograd.grad((y * y).sum(), [*imported.module.parameters()])
    (wanted_grad,) = torch.autograd.grad((wanted * wanted).sum(), [weight])
    torch.testing.assert_close(grad, wanted_grad)


def test_loop_that_the_batch_decides() -> None:
    text = LOOP.replace('""', "").replace("int64 n = {3}, ", "").replace("x) =>", "x, int64 n) =>")
    with pytest.raises(ModelError, match="trip count known at import"):
        _load(text, x=torch.randn(2, 3), n=torch.tensor(3))


def test_too_many_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_control, "MAX_ITERATIONS", 2)
    with pytest.raises(ModelError, match="at most 2 iterations"):
        _load(LOOP.replace('""', ""), x=torch.randn(2, 3))


def test_loop_without_any_iteration() -> None:
    x = torch.randn(2, 3)
    (y,) = _load(LOOP.replace('""', "").replace("{3}", "{0}"), x=x).module(x)
    torch.testing.assert_close(y, x)
