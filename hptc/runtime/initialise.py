"""New parameters at the entry to a phase: drawn by seed, filled, or taken from a weight's SVD."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor

from hptc.errors import BundleError, UsageError
from hptc.ir.adapter import RANDOM, Scheme
from hptc.runtime.memory import available_bytes
from hptc.schedule.model import Initialise

_ITEM_BYTES = 4
_COPIES = 2
"""The tensor on the host, and on the device that loads it."""


def new_parameters(
    news: Iterable[Initialise], held: Mapping[str, Tensor], draw: int = 0
) -> dict[str, Tensor]:
    """Return fresh parameters by name; the same seed and draw give the same numbers.

    Args:
        news: What to make.
        held: The weights that bases are taken from, as they are when the phase is entered.
        draw: Which drawing this is, from 0.

    Raises:
        UsageError: They do not fit into memory.
        BundleError: A basis is asked of a weight that is not there or not finite, or a shape does
            not suit its scheme.
    """
    news = tuple(news)
    _check_memory(news)
    bases = cache(lambda key: _bases(key, held))
    found = {}
    for new in news:
        tensor = _basis(new, bases) if new.start.weight else _filled(new, draw)
        if tuple(tensor.shape) != new.shape:
            raise BundleError(
                f"initialisation of {new.name!r}",
                expected=f"the shape {list(new.shape)}",
                found=f"{list(tensor.shape)} by the scheme {new.start.scheme.value}",
            )
        found[new.name] = tensor
    return found


def _check_memory(news: tuple[Initialise, ...]) -> None:
    if not news:
        return
    sizes = {new.name: _ITEM_BYTES * int(np.prod(new.shape, dtype=object)) for new in news}
    needed, available = _COPIES * sum(sizes.values()), available_bytes()
    if needed > available:
        largest = max(sizes, key=sizes.__getitem__)
        raise UsageError(
            f"initialisation of {largest!r}",
            expected=f"at most the {available / 2**30:.1f} GiB of memory that are free",
            found=f"{needed / 2**30:.1f} GiB for the new parameters, this one the largest",
            hint="Choose fewer coordinates (--adapt FORM:d=N), fewer weights, or another form.",
        )


def _filled(new: Initialise, draw: int) -> Tensor:
    make = _MAKERS.get(new.start.scheme)
    if make is None:
        raise BundleError(
            f"initialisation of {new.name!r}",
            expected="the weight whose singular vectors it holds",
            found="none",
        )
    return make(new, _generator(new.seed, draw) if new.start.scheme in RANDOM else None)


def _generator(seed: int, draw: int) -> torch.Generator:
    # torch's generator reads 32 bits of a seed, so later draws mix the pair into one word
    mixed = int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])
    return torch.Generator().manual_seed(mixed if draw else seed)


def _constant(new: Initialise, generator: torch.Generator | None) -> Tensor:
    del generator
    return torch.full(new.shape, new.start.value)


def _kaiming_uniform(new: Initialise, generator: torch.Generator | None) -> Tensor:
    bound = 1 / new.shape[0] ** 0.5
    return torch.empty(new.shape).uniform_(-bound, bound, generator=generator)


def _normal(new: Initialise, generator: torch.Generator | None) -> Tensor:
    return torch.randn(new.shape, generator=generator)


def _unit_columns(new: Initialise, generator: torch.Generator | None) -> Tensor:
    drawn = torch.randn(new.shape, generator=generator)
    return drawn.div_(torch.linalg.vector_norm(drawn, dim=0))


def _signs(new: Initialise, generator: torch.Generator | None) -> Tensor:
    return 2.0 * torch.randint(2, new.shape, generator=generator) - 1


def _permutation(new: Initialise, generator: torch.Generator | None) -> Tensor:
    return torch.randperm(new.shape[0], generator=generator)


def _hadamard(new: Initialise, generator: torch.Generator | None) -> Tensor:
    del generator
    step, result = torch.tensor([[1.0, 1.0], [1.0, -1.0]]), torch.ones(1, 1)
    while len(result) < new.shape[0]:
        result = torch.kron(step, result)
    return result


_MAKERS: Mapping[Scheme, Callable[[Initialise, torch.Generator | None], Tensor]] = {
    Scheme.CONSTANT: _constant,
    Scheme.KAIMING_UNIFORM: _kaiming_uniform,
    Scheme.NORMAL: _normal,
    Scheme.UNIT_COLUMNS: _unit_columns,
    Scheme.SIGNS: _signs,
    Scheme.PERMUTATION: _permutation,
    Scheme.HADAMARD: _hadamard,
}


def _basis(new: Initialise, bases: Callable[[tuple[str, bool]], tuple[Tensor, Tensor]]) -> Tensor:
    left, right = bases((new.start.weight, new.start.transposed))
    if new.start.scheme is Scheme.LEFT_BASIS:
        return left[:, : new.shape[1]].clone()
    return right[: new.shape[0]].clone()


def _bases(key: tuple[str, bool], held: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return all left singular vectors times their values, and all right ones."""
    weight, transposed = key
    where = f"singular vectors of {weight!r}"
    if weight not in held:
        raise BundleError(where, expected="a weight of that name", found="none")
    stored = held[weight]
    stored = stored if stored.dtype is torch.float64 else stored.float()
    matrix = stored.flatten(1).t() if transposed else stored.flatten(1)
    if not matrix.isfinite().all():
        raise UsageError(where, expected="finite numbers", found="NaN or infinity in the weight")
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    return left * values, right
