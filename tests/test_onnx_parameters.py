"""Which initializers are trained: by their use, by their data, and by the user's word."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from hptc.frontend.onnx import Guess, ImportedModel, from_model_proto
from hptc.frontend.onnx_tables import fixed_table

RNG = np.random.default_rng(0)


def noise(*shape: int) -> NDArray[np.float32]:
    return RNG.normal(size=shape).astype(np.float32)


def build(
    nodes: str,
    weights: dict[str, NDArray[np.float32]],
    declared: Mapping[str, str] = MappingProxyType({}),
    folded: Mapping[str, str] = MappingProxyType({}),
    **options: Any,
) -> ImportedModel:
    """Import nodes that turn x [2, 8, 4] into y; `declared` and `folded` are exporters' notes."""
    header = '<ir_version: 8, opset_import: ["" : 20]> g (float[2,8,4] x) => (float[A,B,C] y) '
    model = onnx.parser.parse_model(header + "{" + nodes + "}")
    model.graph.initializer.extend(numpy_helper.from_array(w, n) for n, w in weights.items())
    kind, origin = "graph_signature.InputSpec.kind", "optimizer.folded_from"
    for key, notes in (
        (f"pkg.torch.export.{kind}", declared),
        (f"pkg.onnxscript.{origin}", folded),
    ):
        for name, note in notes.items():
            value = model.graph.value_info.add(name=name)
            value.metadata_props.add(key=key, value=note)
    return from_model_proto(model, where="model.onnx", **options)


def trained(imported: ImportedModel) -> set[str]:
    return {name for name, p in imported.module.named_parameters() if p.requires_grad}


def frozen(imported: ImportedModel) -> set[str]:
    held = (*imported.module.named_parameters(), *imported.module.named_buffers())
    return {name for name, tensor in held if not tensor.requires_grad}


def test_uses_that_settle_it() -> None:
    imported = build(
        """t = Transpose <perm = [1, 0]> (w)  a = MatMul (x, t)  b = Add (a, bias)
        n = LayerNormalization (b, gamma, beta)  low = Clip (n, floor)  y = Mul (low, two)""",
        {
            "w": noise(4, 4),
            "bias": noise(4),
            "gamma": noise(4),
            "beta": noise(4),
            "floor": np.array(-3, dtype=np.float32),
            "two": np.array([2], dtype=np.float32),
        },
    )
    assert trained(imported) == {"w", "bias", "gamma", "beta"}
    assert imported.guesses == (
        Guess("floor", False, "not used as a weight"),
        Guess("two", False, "a single number"),
    )


def test_running_statistics_are_frozen() -> None:
    imported = build(
        "y = BatchNormalization (x, scale, shift, mean, variance)",
        {n: np.abs(noise(8)) for n in ("scale", "shift", "mean", "variance")},
    )
    assert trained(imported) == {"scale", "shift"}
    assert frozen(imported) == {"mean", "variance"}


def test_added_table_is_a_guess() -> None:
    imported = build("y = Add (x, table)", {"table": noise(1, 8, 4)})
    assert trained(imported) == {"table"}
    assert [(g.name, g.trained) for g in imported.guesses] == [("table", True)]


def test_adjacency_matrix_is_a_buffer() -> None:
    matrix = np.abs(noise(8, 8))
    matrix /= matrix.sum(1, keepdims=True)
    imported = build('y = Einsum <equation = "nm,bmc->bnc"> (adj, x)', {"adj": matrix})
    assert not trained(imported)
    assert [name for name, _ in imported.module.named_buffers()] == ["adj"]
    assert not imported.guesses[0].trained
    assert "no initializer is trained" in imported.warnings[0]


def test_the_exporter_knows_parameters_from_buffers() -> None:
    nodes = """a = MatMul (x, w)  b = Add (a, shift)  c = Mul (b, scale)
    d = Add (c, table)  e = Add (d, symmetric)  y = Add (e, waves)"""
    weights = {
        "w": noise(4, 4),
        "shift": noise(4),
        "scale": noise(1),
        "table": noise(8, 4),
        "symmetric": np.eye(8, 4, dtype=np.float32),
        "waves": sinusoids(8, 4, halves=True),
    }
    assert trained(build(nodes, weights)) == {"w", "shift", "table"}
    declared = dict.fromkeys(weights, "PARAMETER") | {"shift": "BUFFER", "table": "BUFFER"}
    imported = build(nodes, weights, declared)
    assert trained(imported) == {"w", "scale", "symmetric"}
    assert [guess.name for guess in imported.guesses] == ["waves"]
    assert "shift" in trained(build(nodes, weights, declared, train="shift"))


def test_a_bias_is_followed_through_a_sequence() -> None:
    imported = build(
        """a = MatMul (x, w)  two = Constant <value_int = 4> ()
        parts = SplitToSequence <axis = 0> (bias, two)  zero = Constant <value_int = 0> ()
        b = SequenceAt (parts, zero)  y = Add (a, b)""",
        {"w": noise(4, 4), "bias": noise(8)},
    )
    assert trained(imported) == {"w", "bias"}


def test_matrices_transposed_by_the_exporter_are_the_weights_again() -> None:
    nodes = """a = MatMul (x, val_1)  b = MatMul (a, val_2)  e = MatMul (b, val_3)
    rows = Gather (table, ids)  t = MatMul (rows, val_3)  u = ReduceSum (t)  y = Add (e, u)"""
    table, ids = noise(8, 4), np.array([0, 2])
    weights = {
        **{f"val_{i}": noise(4, 4) for i in (1, 2)},
        "val_3": table.T.copy(),
        "table": table,
        "ids": ids,
    }
    origins = {"val_1": "['a.weight']", "val_2": "['b.weight', 'val_0']"}
    imported = build(nodes, weights, folded=origins)
    assert trained(imported) == {"a.weight", "val_2", "table"}
    (value,) = (p for n, p in imported.module.named_parameters() if n == "a.weight")
    assert torch.equal(value.detach(), torch.from_numpy(weights["val_1"].T))
    assert imported.warnings[0].startswith("1 trained weights have names made up")


def test_user_overrules() -> None:
    nodes, weights = (
        "a = Add (x, table)  y = MatMul (a, w)",
        {"table": noise(8, 4), "w": noise(4, 4)},
    )
    assert trained(build(nodes, weights)) == {"table", "w"}
    assert trained(build(nodes, weights, frozen="^t")) == {"w"}
    weights["table"] = np.eye(8, 4, dtype=np.float32)
    assert trained(build(nodes, weights)) == {"w"}
    assert trained(build(nodes, weights, train="tab")) == {"table", "w"}
    assert not build(nodes, weights, train="tab").guesses


def test_view_of_a_frozen_weight_is_not_folded() -> None:
    imported = build(
        "t = Transpose <perm = [1, 0]> (w)  y = MatMul (x, t)", {"w": noise(4, 4)}, frozen="w"
    )
    assert frozen(imported) == {"w"}


def test_names_made_up_by_the_exporter() -> None:
    imported = build(
        "a = MatMul (x, val_3)  y = Mul (a, val_4)", {"val_3": noise(4, 4), "val_4": noise(4)}
    )
    assert trained(imported) == {"val_3"}
    assert "optimize=False" in imported.warnings[0]


def test_normalisation_written_out() -> None:
    numbers = {n: np.abs(noise(4)) for n in ("mean", "variance", "gamma", "beta")}
    imported = build(
        """eps = Constant <value_float = 0.001> ()  safe = Add (variance, eps)
        deviation = Sqrt (safe)  c = Sub (x, mean)  n = Div (c, deviation)
        s = Mul (n, gamma)  y = Add (s, beta)""",
        numbers,
    )
    assert trained(imported) == {"gamma", "beta"}
    assert frozen(imported) == {"mean"}


def test_parameter_behind_a_function() -> None:
    imported = build("s = Exp (log_scale)  y = Mul (x, s)", {"log_scale": noise(4)})
    assert trained(imported) == {"log_scale"}


def sinusoids(length: int, width: int, *, halves: bool) -> NDArray[np.float32]:
    rates = 10000.0 ** (-np.arange(0, width, 2) / width)
    angles = np.arange(length)[:, None] * rates
    waves = np.stack((np.sin(angles), np.cos(angles)), 2 if not halves else 1)
    return waves.reshape(length, width).astype(np.float32)


FIXED = {
    "sinusoids": sinusoids(30, 16, halves=False),
    "sinusoids in halves": sinusoids(36, 32, halves=True),
    "scaled": sinusoids(30, 16, halves=False) * 0.1 - 0.03,
    "short and scaled": sinusoids(4, 32, halves=False) * 0.07 - 0.02,
    "batched": sinusoids(20, 8, halves=False)[None],
    "rotary frequencies": (10000.0 ** (-np.arange(8) / 8)).astype(np.float32),
    "positions": np.arange(12, dtype=np.float32)[:, None],
    "grid": np.stack(np.meshgrid(*[np.linspace(-1, 1, 4)] * 2), -1).reshape(1, 16, 2),
    "identity": np.eye(6, dtype=np.float32),
    "causal mask": np.triu(np.full((6, 6), -np.inf), 1).astype(np.float32),
    "finite mask": np.triu(np.full((1, 1, 6, 6), -3.4e38), 1).astype(np.float32),
    "symmetric": np.cov(noise(9, 20)).astype(np.float32),
    "average": np.full((5, 5), 0.2, dtype=np.float32) + np.eye(5, dtype=np.float32) * 0.0,
}
FIXED["average"][0] = [0.1, 0.3, 0.2, 0.2, 0.2]

LEARNED = {
    "noise": noise(16, 8),
    "short noise": noise(4, 32),
    "zeros": np.zeros((1, 8, 4), dtype=np.float32),
    "ones": np.ones(8, dtype=np.float32),
    "vector": noise(7),
    "alike channels": np.tile(np.log(np.arange(1, 5, dtype=np.float32)), (32, 1)),
    "two columns": noise(40, 2),
    "pruned": noise(12, 4) * (noise(12, 4) > 1),
    "mostly zero": np.pad(noise(2, 4), ((0, 6), (0, 0))),
    "trained from sinusoids": sinusoids(30, 16, halves=False) + 1e-3 * noise(30, 16),
}


@pytest.mark.parametrize("name", FIXED)
def test_fixed_table(name: str) -> None:
    assert fixed_table(torch.from_numpy(FIXED[name])) is not None


@pytest.mark.parametrize("name", LEARNED)
def test_learned_table(name: str) -> None:
    assert fixed_table(torch.from_numpy(LEARNED[name])) is None
