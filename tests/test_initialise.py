"""New parameters at the entry to a phase."""

import pytest
import torch
from scipy.linalg import hadamard
from torch import Tensor

from hptc.errors import BundleError, UsageError
from hptc.ir.adapter import RANDOM, Scheme, Start
from hptc.runtime.initialise import new_parameters
from hptc.schedule.model import Initialise


def made(
    start: Start, *shape: int, seed: int = 11, draw: int = 0, weight: Tensor | None = None
) -> Tensor:
    held = {} if weight is None else {"w": weight}
    return new_parameters([Initialise("p", shape, start, seed)], held, draw)["p"]


@pytest.mark.parametrize("scheme", [scheme for scheme in Scheme if scheme in RANDOM])
def test_draws_repeat_by_seed_and_differ_by_draw(scheme: Scheme) -> None:
    shape = (64,) if scheme is Scheme.PERMUTATION else (64, 3)
    start = Start(scheme)
    first = made(start, *shape)
    assert first.shape == shape
    assert torch.equal(first, made(start, *shape))
    assert not torch.equal(first, made(start, *shape, draw=1))
    assert not torch.equal(first, made(start, *shape, seed=12))


def test_schemes_do_what_they_say() -> None:
    assert made(Start(Scheme.CONSTANT, 0.1), 3).tolist() == pytest.approx([0.1] * 3)
    assert made(Start(Scheme.KAIMING_UNIFORM), 16, 40).abs().max() <= 1 / 4
    assert made(Start(Scheme.SIGNS), 50).abs().eq(1).all()
    assert sorted(made(Start(Scheme.PERMUTATION), 9).tolist()) == list(range(9))
    lengths = made(Start(Scheme.UNIT_COLUMNS), 30, 4).norm(dim=0)
    torch.testing.assert_close(lengths, torch.ones(4))
    for size in (1, 2, 16):
        expected = torch.from_numpy(hadamard(size)).float()
        assert torch.equal(made(Start(Scheme.HADAMARD), size, size), expected)


@pytest.mark.parametrize("transposed", [False, True])
def test_bases_are_the_best_approximation(transposed: bool) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(6, 2) @ torch.randn(2, 12)
    stored = matrix.t().reshape(12, 2, 3) if transposed else matrix
    left, right = (
        made(Start(scheme, weight="w", transposed=transposed), *shape, weight=stored)
        for scheme, shape in ((Scheme.LEFT_BASIS, (6, 2)), (Scheme.RIGHT_BASIS, (2, 12)))
    )
    torch.testing.assert_close(left @ right, matrix)
    torch.testing.assert_close(right @ right.t(), torch.eye(2))


def test_bases_of_unsuitable_weights_are_refused() -> None:
    start = Start(Scheme.LEFT_BASIS, weight="w")
    with pytest.raises(BundleError, match="'w': expected a weight"):
        made(start, 2, 2)
    with pytest.raises(UsageError, match="finite"):
        made(start, 2, 2, weight=torch.full((2, 2), torch.nan))
    with pytest.raises(BundleError, match="the weight whose singular vectors"):
        made(Start(Scheme.LEFT_BASIS), 2, 2)
    for shape in ((3, 2), (2, 3)):
        with pytest.raises(BundleError, match="shape"):
            made(start, *shape, weight=torch.eye(2))
    with pytest.raises(BundleError, match="shape"):
        made(Start(Scheme.HADAMARD), 3, 3)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_made() -> None:
    with pytest.raises(UsageError, match=r"298023\.\d GiB .*\n?.*d=N"):
        made(Start(Scheme.UNIT_COLUMNS), 10**9, 40_000)
