"""Every operation of the tables: its gradient against central differences, on the standard's cases.

The harness takes the node tests of the standard, makes their floating inputs double, live and free
of ties, and compares autograd with differences along random directions. An operation without a
case says why.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor

from hptc.frontend.onnx import Given, from_model_proto
from hptc.frontend.onnx_ops import TABLES, find_rule
from hptc.frontend.onnx_ops.types import DTYPES, to_torch

CASES_AN_OPERATION = 3
LARGEST = 20_000
"""Elements of the floating inputs of a case; larger ones take long and show nothing more."""

WITHOUT = {
    "its result is an integer or a truth value": (
        "And ArgMax ArgMin BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor ConvInteger Equal "
        "Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual MatMulInteger NonZero Not "
        "OptionalHasElement Or QLinearConv QLinearMatMul QuantizeLinear SequenceLength Shape Size "
        "Xor"
    ),
    "no input of it is a number that a model computes": (
        "Constant ConstantOfShape EyeLike MelWeightMatrix Range SequenceEmpty"
    ),
    "it is constant between steps": "Binarizer Hardmax",
    "it takes the bits of a number for those of another": "BitCast",
    "torch has no derivative of it": "Unique",
    "its gradient is not that of its steps; see test_onnx_quantized": "QuantizeDequantize",
    "its result is in single precision, whatever its input": "Scaler",
}
"""Operations without a check, by reason."""

HELD = {("BatchNormalization", 3), ("BatchNormalization", 4)}
"""Running statistics: hptc, like torch, differentiates by none."""

OF_OURS = {
    "Cast": "y = Cast <to = 11> (a)",
    "CastLike": "y = CastLike (a, b)",
    "ConcatFromSequence": "s = SequenceConstruct (a, b)  y = ConcatFromSequence <axis = 1> (s)",
    "GlobalLpPool": "y = GlobalLpPool <p = 3> (a)",
    "Optional": "o = Optional (a)  y = OptionalGetElement (o)",
    "OptionalGetElement": "o = Optional (a)  y = OptionalGetElement (o)",
    "SequenceAt": (
        "s = SequenceConstruct (a, b)  i = Constant <value_int = 1> ()  y = SequenceAt (s, i)"
    ),
    "SequenceConstruct": "s = SequenceConstruct (a, b)  y = ConcatFromSequence <axis = 0> (s)",
    "SequenceErase": (
        "s = SequenceConstruct (a, b)  t = SequenceErase (s)  y = ConcatFromSequence <axis = 0> (t)"
    ),
    "SequenceInsert": (
        "s = SequenceConstruct (a)  t = SequenceInsert (s, b)  "
        "y = ConcatFromSequence <axis = 0> (t)"
    ),
    "Trilu": "y = Trilu <upper = 0> (a)",
}
"""Models for operations whose cases in the standard have no floating input, or none alone."""

OPERATIONS = sorted({(rule.domain, rule.op) for table in TABLES for rule in table.RULES})


@cache
def _cases() -> dict[tuple[str, str], list[Any]]:
    """Return the cases of one node by operation, the smallest first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests  # noqa: PLC0415  (it warns)

        cases = load_model_tests(kind="node")
    found = defaultdict(list)
    for case in cases:
        nodes = list(case.model.graph.node) if case.model else []
        if len(nodes) == 1 and _is_numeric(case.model) and 0 < _size(case) <= LARGEST:
            found[nodes[0].domain, nodes[0].op_type].append(case)
    return {key: sorted(several, key=_size) for key, several in found.items()}


def _is_numeric(model: Any) -> bool:
    values = (*model.graph.input, *model.graph.output)
    types = [value.type for value in values if value.type.HasField("tensor_type")]
    return all(kind.tensor_type.elem_type in DTYPES for kind in types)


def _value(item: Any) -> Any:
    if item is None or isinstance(item, list | tuple):
        return None if item is None else tuple(map(_value, item))
    tensor = item if isinstance(item, onnx.TensorProto) else numpy_helper.from_array(np.array(item))
    return to_torch(tensor)


def _inputs(case: Any) -> Iterator[tuple[str, Any]]:
    arrays, _ = case.data_sets[0]
    names = [value.name for value in case.model.graph.input]
    yield from zip(names, map(_value, arrays), strict=True)


def _size(case: Any) -> int:
    arrays, _ = case.data_sets[0]
    return sum(a.size for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "f")


def _split(case: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what is constant, and what is live: doubles moved off ties, steps and corners."""
    (node,) = case.model.graph.node
    opset = next(o.version for o in case.model.opset_import if o.domain == node.domain)
    rule = find_rule(node.domain, node.op_type, opset)
    assert rule is not None
    static = {node.input[place] for place in rule.static if place < len(node.input)}
    held = {node.input[place] for op, place in HELD if op == node.op_type}
    generator = torch.Generator().manual_seed(1)
    fixed: dict[str, Any] = {}
    live: dict[str, Tensor] = {}
    for name, value in _inputs(case):
        if not isinstance(value, Tensor) or not value.is_floating_point() or name in static:
            fixed[name] = value
            continue
        if name in held:
            fixed[name] = value.double()
            continue
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        live[name] = (value.double() + 1e-3 * noise).requires_grad_()
    return fixed, live


def _gradient_holds(case: Any) -> bool:
    """Check one case; false if no result depends on a live input smoothly."""
    fixed, live = _split(case)
    examples = {name: value.detach() for name, value in live.items()}
    imported = from_model_proto(case.model, where=case.name, given=Given(fixed, examples))
    ordered = [live[name] for name in imported.input_names]

    def results(*inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = _flat(imported.module(*inputs))
        return tuple(output for output in outputs if output.requires_grad)

    if not ordered or not results(*ordered):
        return False
    return torch.autograd.gradcheck(results, ordered, eps=1e-6, atol=1e-5, fast_mode=True)


def _flat(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [] if value is None else [tensor for part in value for tensor in _flat(part)]


CHECKED = [key for key in OPERATIONS if key[1] not in " ".join(WITHOUT.values()).split()]


@pytest.mark.parametrize(("domain", "op"), CHECKED, ids=lambda part: part or "onnx")
def test_gradient(domain: str, op: str) -> None:
    if op in OF_OURS:
        assert _gradient_of_ours(OF_OURS[op])
        return
    cases = _cases().get((domain, op), [])
    checked = [_gradient_holds(case) for case in cases[:CASES_AN_OPERATION]]
    assert any(checked), f"{op} needs a check or a reason"


def test_reasons_name_operations_of_the_tables() -> None:
    named = [*" ".join(WITHOUT.values()).split(), *OF_OURS]
    assert sorted(set(named) - {op for _, op in OPERATIONS}) == []
    assert len(named) == len(set(named))


def _gradient_of_ours(nodes: str) -> bool:
    head = '<ir_version: 8, opset_import: ["" : 18]>'
    text = f"{head} g (double[2,3,4] a, double[2,3,4] b) => (double[A,B,C] y) {{ {nodes} }}"
    generator = torch.Generator().manual_seed(2)
    inputs = [torch.randn(2, 3, 4, generator=generator, dtype=torch.float64) for _ in range(2)]
    model = onnx.parser.parse_model(text)
    given = Given(examples=dict(zip("ab", inputs, strict=True)))
    module = from_model_proto(model, where="case", given=given).module
    return torch.autograd.gradcheck(module, [x.requires_grad_() for x in inputs], fast_mode=True)
