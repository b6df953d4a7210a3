"""Unsigned integers over their whole range against numpy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from hptc.frontend.onnx_ops import find_rule

RNG = np.random.default_rng(0)
EDGES = [1, 2, 2**63 - 1, 2**63, 2**64 - 1]
DRAWN = RNG.integers(1, 2**64 - 1, 60, dtype=np.uint64) >> RNG.integers(0, 60, 60, dtype=np.uint64)
VALUES = np.concatenate((np.array(EDGES, dtype=np.uint64), DRAWN + np.uint64(1)))


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("Add", np.add),
        ("Sub", np.subtract),
        ("Mul", np.multiply),
        ("Div", np.floor_divide),
        ("Mod", np.mod),
        ("Max", np.maximum),
        ("Min", np.minimum),
        ("Greater", np.greater),
        ("GreaterOrEqual", np.greater_equal),
        ("Less", np.less),
        ("LessOrEqual", np.less_equal),
    ],
)
def test_every_pair(op: str, expected: Callable[..., Any], dtype: type[np.unsignedinteger]) -> None:
    values = np.maximum(VALUES.astype(dtype), dtype(1))
    a, b = np.repeat(values, len(values)), np.tile(values, len(values))
    rule = find_rule("", op, 20)
    assert rule is not None
    found = rule.run(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_array_equal(found, expected(a, b), strict=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize(
    ("direction", "shift"), [("LEFT", np.left_shift), ("RIGHT", np.right_shift)]
)
def test_every_shift(
    direction: str, shift: Callable[..., Any], dtype: type[np.unsignedinteger]
) -> None:
    counts = np.arange(8 * dtype(0).itemsize, dtype=dtype)
    a, b = np.repeat(VALUES.astype(dtype), len(counts)), np.tile(counts, len(VALUES))
    rule = find_rule("", "BitShift", 20)
    assert rule is not None
    found = rule.run(torch.from_numpy(a), torch.from_numpy(b), direction=direction).numpy()
    np.testing.assert_array_equal(found, shift(a, b), strict=True)


def test_quotient_by_a_number() -> None:
    rule = find_rule("", "Div", 20)
    assert rule is not None
    found = rule.run(torch.from_numpy(VALUES), 3)
    np.testing.assert_array_equal(found.numpy(), VALUES // np.uint64(3), strict=True)
