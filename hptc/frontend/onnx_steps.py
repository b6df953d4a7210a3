"""What partial evaluation yields: steps that run on values by name, and their arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from hptc.frontend.onnx_graph import Node
from hptc.frontend.onnx_ops.values import Foreign, Value

RULE_FAULTS = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    ArithmeticError,
)
"""What torch and the rules raise when a node does not fit its inputs."""


@dataclass(frozen=True, slots=True)
class Live:
    """An argument read while the module runs."""

    name: str


@dataclass(frozen=True, slots=True)
class Bound:
    """An argument known at import, as a Python value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One operation that the module performs."""

    label: str
    run: Callable[..., Any]
    args: tuple[Live | Bound, ...]
    attributes: Mapping[str, Any]
    outputs: tuple[str, ...]
    whole: bool = False
    """As in `Rule`."""
    source: str = ""
    """Provenance of the operations that it becomes."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the values read."""
        return tuple(arg.name for arg in self.args if isinstance(arg, Live))

    def __call__(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the named outputs."""
        args = [values[arg.name] if isinstance(arg, Live) else arg.value for arg in self.args]
        result = self.run(*args, **self.attributes)
        several = isinstance(result, tuple) and not self.whole
        return name_outputs(result if several else (result,), self.outputs)


@dataclass(frozen=True)
class Evaluation:
    """A graph after partial evaluation."""

    steps: tuple[Step, ...]
    """The steps that an output needs, in order."""
    known: Mapping[str, Value]
    """Every value fixed at import, frozen weights included."""
    shapes: Mapping[str, tuple[int, ...]]
    nodes: tuple[Node, ...]
    """All nodes, control flow replaced by what it comes to."""
    outputs: tuple[str, ...]
    opaque: tuple[str, ...]
    """Types of the operations that torch did not evaluate, each once."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Weights:
    """The initializers, by what becomes of them."""

    trained: Mapping[str, torch.Tensor]
    kept: Mapping[str, torch.Tensor]
    """Frozen, yet parameters of the module: their views are not folded."""
    constant: Mapping[str, Value]


def name_outputs(results: tuple[Any, ...], names: tuple[str, ...]) -> dict[str, Value]:
    """Return the outputs of a node by name, without those that nobody reads.

    Raises:
        ValueError: there are more names than results.
    """
    if any(names[len(results) :]):
        raise ValueError(f"{len(names)} outputs are read, and there are {len(results)}")
    return {name: value for name, value in zip(names, results, strict=False) if name}


def python_value(tensor: torch.Tensor) -> Any:
    """Return a tensor as a Python number or a (nested) tuple of numbers."""
    return _tuples(tensor.tolist())


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def describe(value: Value) -> str:
    """Return type and shape of a value, for messages."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, Foreign):
        return f"{value.array.dtype}{list(value.array.shape)}"
    return "nothing" if value is None else f"a sequence of {len(value)}"
