"""Verification must not mistake a broken number for a small error."""

from math import inf, nan

import pytest
import torch

from hptc.runtime.distance import distance, relative_error, worst


def test_errors_are_relative_to_the_largest_expected_number() -> None:
    expected = {"a": torch.tensor([1.0, -4.0]), "b": torch.zeros(3)}
    found = {"a": torch.tensor([1.0, -4.0]), "b": torch.tensor([0.0, 0.0, 0.02])}
    assert relative_error(found, expected) == pytest.approx(0.005)
    assert relative_error(found, {"b": torch.zeros(3)}) == pytest.approx(0.02)
    assert relative_error(found, {}) == 0.0


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_what_is_not_finite_is_infinitely_wrong(number: float) -> None:
    broken, sound = torch.tensor([1.0, number]), torch.tensor([1.0, 2.0])
    assert worst([0.0, distance(broken, sound)]) == inf
    assert relative_error({"a": broken}, {"a": sound}) == inf
    assert relative_error({"a": sound}, {"a": torch.tensor([1.0, nan])}) == inf


def test_shapes_must_agree() -> None:
    assert distance(torch.zeros(2), torch.zeros(2, 1)) == inf
    assert distance(torch.zeros(0), torch.zeros(0)) == 0.0
