"""The random numbers of an executed step, handed to eager torch on its way through the original.

Eager torch asks for random numbers in the order in which the capture met the same operations, so
its n-th request takes the draw of salt n. What it makes of them (masks, noise, permutations) is
written here anew, without the rules of the frontend.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hptc.errors import VerifyError
from hptc.ir.graph import Graph
from hptc.runtime.execute import StepResult

_KINDS = ("hptc.uniform.default", "hptc.normal.default")


def drawn_values(graph: Graph) -> dict[int, str]:
    """Return the values of the graph that hold random numbers, by salt."""
    return {int(str(op.args[1])): op.outputs[0] for op in graph.ops if op.kind in _KINDS}


def drawn(graph: Graph, result: StepResult) -> dict[int, Tensor]:
    """Return the random numbers of a step that watched `drawn_values`, by salt."""
    return {salt: result.watched[name] for salt, name in drawn_values(graph).items()}


_SWITCHED_OFF = (("train", False), ("training", False), ("dropout_p", 0.0))


class Replay(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Answers every request for random numbers with those of a step that was executed.

    Args:
        draws: The numbers by salt. A salt that is missing was not used by the step.
    """

    def __init__(self, draws: Mapping[int, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._draws = draws
        self._taken = 0

    def check_all_taken(self) -> None:
        """Raise VerifyError if the step drew more often than eager torch."""
        if any(salt >= self._taken for salt in self._draws):
            raise VerifyError(
                "random numbers of the step",
                expected=f"{self._taken} draws, as eager torch has",
                found=f"{max(self._draws) + 1}",
            )

    def __torch_dispatch__(  # type: ignore[no-untyped-def]
        self, func, types, args=(), kwargs=None
    ):
        """Run an operation, or what a random one makes of the next draw."""
        del types
        given = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **given)
        named = _bound(func, args, given)
        if any(named.get(key) == off for key, off in _SWITCHED_OFF):
            return func(*args, **given)
        name = func.overloadpacket.__name__
        rule = _RULES.get(name.removesuffix("_").removesuffix("_functional"))
        if rule is None:
            raise VerifyError(name, expected="random numbers that can be replayed", found="others")
        found = rule(named, self._next)
        return named["self"].copy_(found) if name.endswith("_") else found

    def _next(self, *shape: int) -> Tensor:
        salt, self._taken = self._taken, self._taken + 1
        numbers = self._draws.get(salt, torch.full(shape, 0.5))
        if tuple(numbers.shape) != shape:
            raise VerifyError(
                f"random numbers number {salt} of the step",
                expected=f"the shape {list(shape)}, as eager torch has",
                found=str(list(numbers.shape)),
            )
        return numbers


Named = dict[str, Any]
Next = Callable[..., Tensor]


def _bound(func: Any, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Named:
    names = [argument.name for argument in func._schema.arguments]
    found = {a.name: a.default_value for a in func._schema.arguments if a.has_default_value()}
    return found | dict(zip(names, args, strict=False)) | dict(kwargs)


def _blank(named: Named, usual: torch.dtype = torch.float32) -> Tensor:
    """Return an empty tensor of the shape and element type of the result."""
    like = named.get("self")
    asked = named.get("dtype")
    kept = like.dtype if like is not None else usual
    shape = like.shape if like is not None else named["size"]
    return torch.empty(tuple(shape), dtype=asked if isinstance(asked, torch.dtype) else kept)


def _bernoulli(named: Named, draw: Next) -> Tensor:
    probability = named["p"] if "p" in named else named["self"]
    blank = _blank(named)
    return torch.lt(draw(*blank.shape), probability).to(blank.dtype)


def _dropout(named: Named, draw: Next) -> tuple[Tensor, Tensor]:
    values, p = named["input"], named["p"]
    if p in (0, 1):
        return (1 - p) * values, torch.full(values.shape, p == 0)
    mask = torch.lt(draw(*values.shape), 1 - p)
    return torch.where(mask, values / (1 - p), 0.0), mask


def _uniform(named: Named, draw: Next) -> Tensor:
    blank = _blank(named)
    low, high = float(named.get("from", 0)), float(named.get("to", 1))
    return low + (high - low) * _below_one(draw(*blank.shape), blank.dtype)


def _below_one(numbers: Tensor, dtype: torch.dtype) -> Tensor:
    """Round down to the numbers that the element type has below 1."""
    if dtype in (torch.float16, torch.bfloat16):
        grid = torch.finfo(dtype).eps / 2
        numbers = torch.div(numbers, grid, rounding_mode="floor") * grid
    return numbers.to(dtype)


def _normal(named: Named, draw: Next) -> Tensor:
    mean: Tensor | float = named.get("mean", 0.0)
    deviation: Tensor | float = named.get("std", 1.0)
    total = mean + deviation
    blank = total if isinstance(total, Tensor) else _blank(named)
    return mean + deviation * draw(*blank.shape).to(blank.dtype)


def _exponential(named: Named, draw: Next) -> Tensor:
    blank = _blank(named)
    numbers = draw(*blank.shape).clamp(min=2.0**-25)
    return torch.log1p(-numbers).neg().div(named["lambd"]).to(blank.dtype)


def _integers(named: Named, draw: Next) -> Tensor:
    blank, low = _blank(named, torch.int64), named.get("low", 0)
    numbers = draw(*blank.shape).mul(named["high"] - low).floor().long()
    return numbers.add(low).to(blank.dtype)


def _permutation(named: Named, draw: Next) -> Tensor:
    order = draw(named["n"]).argsort()
    return order.to(named["dtype"]) if isinstance(named["dtype"], torch.dtype) else order


def _rrelu(named: Named, draw: Next) -> Tensor:
    values: Tensor = named["self"]
    low, high = float(named["lower"]), float(named["upper"])
    slopes = low + (high - low) * _below_one(draw(*values.shape), values.dtype)
    noise: Tensor = named["noise"].copy_(slopes.masked_fill(values > 0, 1.0))
    return values * noise


_RULES: Mapping[str, Callable[[Named, Next], Any]] = {
    "bernoulli": _bernoulli,
    "exponential": _exponential,
    "native_dropout": _dropout,
    "normal": _normal,
    "rand": _uniform,
    "rand_like": _uniform,
    "randint": _integers,
    "randint_like": _integers,
    "randn": _normal,
    "randn_like": _normal,
    "randperm": _permutation,
    "rrelu_with_noise": _rrelu,
    "uniform": _uniform,
}
