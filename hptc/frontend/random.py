"""Random ATen operations, rewritten into draws that the step graph can show and repeat.

Every draw is a `hptc.uniform` or `hptc.normal` of the random state and a salt of its own; what else
the operation does (compare, scale, shift) is ordinary arithmetic. Uniforms are float32 and are
compared as such, so that a mask does not depend on the element type of what it hides.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

import hptc.custom_ops  # noqa: F401  (registers torch.ops.hptc)

aten = torch.ops.aten

_DIGITS = {torch.float16: 11, torch.bfloat16: 8}
_TINY = 2.0**-25
"""Half of the least positive uniform, in place of 0 where a logarithm follows."""
_EXACT = 2**24
"""Integers up to here are exact in float32."""


@dataclass
class Draws:
    """The draws of one step while it is traced: each has the next salt."""

    state: Tensor | None = None
    """Set by the step once it runs on tensors that are traced."""
    count: int = 0

    def uniform(self, shape: tuple[int, ...]) -> Tensor:
        """Return float32 numbers in [0, 1)."""
        return self._next(torch.ops.hptc.uniform.default, shape)

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        """Return float32 numbers of mean 0 and variance 1."""
        return self._next(torch.ops.hptc.normal.default, shape)

    def _next(self, target: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        salt, self.count = self.count, self.count + 1
        result: Tensor = target(self.state, salt, list(shape))
        return result


def first_state(seed: int) -> Tensor:
    """Return the random state of the first step; those of other seeds are far from it."""
    word = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    return torch.tensor(int(word) // 4)


Given = Mapping[str, Any]
"""Arguments of an operation by the names of its schema."""


def random_rules(draws: Draws) -> dict[Any, Callable[..., Any]]:
    """Return the decompositions of random operations, drawing from `draws`."""
    return {
        overload: partial(_apply, draws, rule, overload)
        for name, rule in _RULES.items()
        for overload in _overloads(name)
    }


def _overloads(name: str) -> Iterator[torch._ops.OpOverload]:
    for form in (name, f"{name}_"):
        packet = getattr(aten, form, None)
        for overload in packet.overloads() if packet is not None else ():
            if not overload.endswith("out"):
                yield getattr(packet, overload)


def _apply(
    draws: Draws,
    rule: Callable[[Draws, Given], Any],
    overload: torch._ops.OpOverload,
    *args: object,
    **kwargs: object,
) -> Any:
    """Run a rule; what the operation writes in place takes the result."""
    arguments = overload._schema.arguments
    given = {item.name: item.default_value for item in arguments if item.has_default_value()}
    given |= dict(zip((item.name for item in arguments), args, strict=False)) | kwargs
    result = rule(draws, given)
    if not overload.overloadpacket.__name__.endswith("_") or result is NotImplemented:
        return result
    target: Any = given["self"]
    return target.copy_(result)


def _like(given: Given, usual: torch.dtype = torch.float32) -> tuple[tuple[int, ...], torch.dtype]:
    """Shape and element type of the result, from a tensor or a size among the arguments."""
    like, asked = given.get("self"), given.get("dtype")
    shape = tuple(like.shape) if isinstance(like, Tensor) else tuple(given["size"])
    kept = like.dtype if isinstance(like, Tensor) else usual
    # schemas spell default element types as numbers
    return shape, asked if isinstance(asked, torch.dtype) else kept


def _cast(numbers: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert uniforms; rounding must not make a 1 of them."""
    if dtype in _DIGITS:
        steps = 2.0 ** _DIGITS[dtype]
        numbers = torch.floor(numbers * steps) / steps
    return numbers.to(dtype)


def _bernoulli(draws: Draws, given: Given) -> Tensor:
    shape, dtype = _like(given)
    probability: Tensor | float = given.get("p", given["self"])
    return (draws.uniform(shape) < probability).to(dtype)


def _dropout(draws: Draws, given: Given) -> tuple[Tensor, Tensor]:
    values: Tensor = given["input"]
    p = float(given["p"])
    if p == 1:
        return torch.zeros_like(values), torch.zeros_like(values, dtype=torch.bool)
    kept = draws.uniform(tuple(values.shape)) < 1 - p
    return values * kept * (1 / (1 - p)), kept


def _uniform(draws: Draws, given: Given) -> Tensor:
    shape, dtype = _like(given)
    low, high = float(given.get("from", 0)), float(given.get("to", 1))
    return _cast(draws.uniform(shape), dtype) * (high - low) + low


def _standard_normal(draws: Draws, given: Given) -> Tensor:
    shape, dtype = _like(given)
    return draws.normal(shape).to(dtype)


def _normal(draws: Draws, given: Given) -> Tensor:
    """Mean and deviation are numbers, or tensors that spread over each other."""
    mean: Tensor | float = given.get("mean", 0.0)
    deviation: Tensor | float = given.get("std", 1.0)
    spread = mean + 0 * deviation
    shape, dtype = _like({"self": spread} if isinstance(spread, Tensor) else given)
    return draws.normal(shape).to(dtype) * deviation + mean


def _exponential(draws: Draws, given: Given) -> Tensor:
    shape, dtype = _like(given)
    numbers = torch.clamp_min(draws.uniform(shape), _TINY)
    return (-torch.log1p(-numbers) / float(given["lambd"])).to(dtype)


def _integers(draws: Draws, given: Given) -> Any:
    low, high = given.get("low", 0), given["high"]
    if isinstance(high, Tensor) or high - low > _EXACT:
        return NotImplemented
    shape, dtype = _like(given, torch.int64)
    drawn = torch.floor(draws.uniform(shape) * int(high - low)).to(torch.int64)
    return (drawn + int(low)).to(dtype)


def _permutation(draws: Draws, given: Given) -> Tensor:
    """Return the order of as many draws; on a tie, which happens once in 2^24 / n^2, both fit."""
    shape, dtype = _like({**given, "size": (given["n"],)}, torch.int64)
    return torch.argsort(draws.uniform(shape)).to(dtype)


def _rrelu(draws: Draws, given: Given) -> Tensor:
    """Negative values take a slope of their own; `noise` is what the derivative reads."""
    values: Tensor = given["self"]
    noise: Tensor = given["noise"]
    low, high = float(given["lower"]), float(given["upper"])
    if not given["training"]:
        return torch.where(values > 0, values, values * ((low + high) / 2))
    slopes = _cast(draws.uniform(tuple(values.shape)), values.dtype) * (high - low) + low
    noise.copy_(torch.where(values > 0, torch.ones_like(slopes), slopes))
    return values * noise


def _rrelu_functional(draws: Draws, given: Given) -> tuple[Tensor, Tensor]:
    noise = torch.empty_like(given["self"])
    return _rrelu(draws, {**given, "noise": noise}), noise


_RULES: Mapping[str, Callable[[Draws, Given], Any]] = {
    "bernoulli": _bernoulli,
    "exponential": _exponential,
    "native_dropout": _dropout,
    "normal": _normal,
    "normal_functional": _normal,
    "rand": _uniform,
    "rand_like": _uniform,
    "randint": _integers,
    "randint_like": _integers,
    "randn": _standard_normal,
    "randn_like": _standard_normal,
    "randperm": _permutation,
    "rrelu_with_noise": _rrelu,
    "rrelu_with_noise_functional": _rrelu_functional,
    "uniform": _uniform,
}
