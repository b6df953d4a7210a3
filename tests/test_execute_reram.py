"""Crossbar numerics: what quantisation does, and that it is done where the schedule says."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hptc.errors import TargetError
from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph, Op, Phase, Ref, Residency, Role, Value, ValueKind
from hptc.runtime.devices.reram import ReramNumerics, quantise, reram_numerics
from hptc.runtime.execute import Machine
from hptc.target import DeviceSpec
from tests import schedule_examples as ex
from tests.schedule_examples import batch, state

BITS = {"weight_bits": 8, "input_bits": 8, "gradient_bits": 16}


@given(st.integers(2, 16), st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=8))
def test_quantised_values_are_nearest_levels(bits: int, numbers: list[float]) -> None:
    tensor = torch.tensor(numbers)
    result = quantise(tensor, bits, (0,))
    step = float(tensor.abs().max()) / (2 ** (bits - 1) - 1)
    assert float((result - tensor).abs().max()) <= step / 2 * 1.01 + 1e-30
    torch.testing.assert_close(quantise(-tensor, bits, (0,)), -result)


def test_rows_have_their_own_scale() -> None:
    tensor = torch.tensor([[100.0, 50.0], [1.0, 0.5], [0.0, 0.0]])
    rows = quantise(tensor, 8, (1,))
    torch.testing.assert_close(rows[1], rows[0] / 100)
    assert rows[2].tolist() == [0, 0]
    assert quantise(tensor, 8, (0, 1))[1, 1] != 0.5


def test_target_gives_the_word_lengths() -> None:
    devices = (DeviceSpec("gpu", "gpu", {}), DeviceSpec("xbar", "reram", BITS))
    target = replace(ex.target(), devices=devices)
    assert reram_numerics(target) == {"xbar": ReramNumerics(8, 8, 16)}
    broken = DeviceSpec("xbar", "reram", {"weight_bits": 1})
    with pytest.raises(TargetError, match="device xbar, weight_bits: expected an integer"):
        reram_numerics(replace(target, devices=(broken,)))


def test_only_the_crossbars_quantise() -> None:
    numerics = {"xbar": ReramNumerics(8, 8, 16)}
    outputs = {}
    for device, bits in product_of_cases():
        chosen = numerics if bits else {}
        machine = Machine(ex.STEP, ex.scheduled({**ex.HYBRID, "linear": device}), chosen)
        machine.enter(state())
        outputs[device, bits] = machine.step(batch(0)).outputs["output"]
    assert torch.equal(outputs["gpu", True], outputs["gpu", False])
    exact = outputs["xbar", False]
    error = (outputs["xbar", True] - exact).abs().max() / exact.abs().max()
    assert 0 < error < 0.02
    x, w = batch(0)["x"], state()["w0"]
    expected = quantise(x, 8, (1,)) @ quantise(w, 8, (0, 1)).T
    torch.testing.assert_close(outputs["xbar", True], expected)


def product_of_cases() -> list[tuple[str, bool]]:
    return [(device, bits) for device in ("gpu", "xbar") for bits in (False, True)]


def contraction_graph(op: Op, **shapes: tuple[int, ...]) -> Graph:
    """One contraction of a transient `x` with a static `w`."""
    values = tuple(
        Value(
            name,
            shape,
            DType.FLOAT32,
            ValueKind.PARAMETER if name == "w" else ValueKind.BATCH,
            Residency.STATIC if name == "w" else Residency.TRANSIENT,
        )
        for name, shape in shapes.items()
    )
    return Graph(Phase.LOW, values, (op,), ())


def test_gradients_have_their_own_bits_and_sides_are_told_apart() -> None:
    torch.manual_seed(0)
    w, x = torch.randn(5, 3), torch.randn(3, 4)
    left = Op("y", "aten.mm.default", (Ref("w"), Ref("x")), ("y",), role=Role.INPUT_GRADIENT)
    graph = contraction_graph(left, w=(5, 3), x=(3, 4), y=(5, 4))
    function = ReramNumerics(8, 2, 12).function(graph, left)
    assert function is not None
    expected = quantise(w, 8, (0, 1)) @ quantise(x, 12, (0,))
    torch.testing.assert_close(function(w, x), expected)


def test_convolutions_scale_each_sample() -> None:
    torch.manual_seed(0)
    w, x = torch.randn(2, 3, 3, 3), torch.randn(4, 3, 6, 6)
    args = (Ref("x"), Ref("w"), None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1)
    conv = Op("y", "aten.convolution.default", args, ("y",))
    graph = contraction_graph(conv, x=(4, 3, 6, 6), w=(2, 3, 3, 3), y=(4, 2, 6, 6))
    function = ReramNumerics(6, 7, 12).function(graph, conv)
    assert function is not None
    found = function(x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1)
    rounded = quantise(w, 6, (0, 1, 2, 3))
    expected = torch.nn.functional.conv2d(quantise(x, 7, (1, 2, 3)), rounded, padding=1)
    torch.testing.assert_close(found, expected)


def test_other_operations_stay_exact() -> None:
    add = Op("y", "aten.add.Tensor", (Ref("x"), Ref("w")), ("y",))
    graph = contraction_graph(add, x=(2,), w=(2,), y=(2,))
    assert ReramNumerics(8, 8, 16).function(graph, add) is None
