"""Inputs of a single step, with references if the user gives any, and seeded stand-ins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hptc.errors import InvalidInputError
from hptc.frontend.accumulate import micro_batches
from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph, Phase, Value
from hptc.ir.names import TARGET, batch_name
from hptc.runtime.arrays import (
    NO_ALIASES,
    REFERENCES,
    Array,
    DataFile,
    NumberRule,
    batch_values,
    read_arrays,
    rename,
    require,
    shape_error,
)
from hptc.runtime.limits import INTEGERS, integer_limits
from hptc.runtime.loss import ANY_TARGET, TargetRule
from hptc.runtime.tensors import TORCH_DTYPES, to_tensor


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The inputs of one step, and what the user expects of it."""

    values: Mapping[str, Tensor]
    ref_out: Array | None = None
    ref_loss: float | None = None
    gradients: Mapping[str, Array] = field(default_factory=dict)
    """By parameter name."""
    count: int = 1
    """Steps that the values make: several micro-batches where the phase takes one."""

    def micro_batches(self) -> Iterator[dict[str, Tensor]]:
        """Yield the inputs of each step."""
        return micro_batches(self.values, self.count)


def load_inputs(
    path: DataFile,
    graph: Graph,
    aliases: Mapping[str, str] = NO_ALIASES,
    accumulate: int = 1,
    target: TargetRule = ANY_TARGET,
) -> RunInputs:
    """Read the inputs of one step, shaped like the graph's values, and references if given.

    Args:
        path: An `.npz` file or arrays in memory, with `ref_out`, `ref_loss` and `grad/NAME` if
            results are expected.
        graph: Step graph of the phase to run.
        aliases: Name of a value in the graph by the model's own name of the input.
        accumulate: Micro-batches in a step of the phases that train. In `infer`, which takes one at
            a time, the arrays may hold as many.
        target: What the loss asks of the target.

    Raises:
        InvalidInputError: The file is unreadable or does not fit the graph.
    """
    arrays = rename(read_arrays(path), aliases, REFERENCES, path)
    values = batch_values(graph)
    require(arrays, values, path)
    limits = integer_limits(graph)
    count = _steps_held(arrays, values, accumulate if graph.phase is Phase.INFER else 1)
    tensors = {}
    for value in values:
        array = arrays[value.name]
        if array.shape != _lengthened(value, count):
            raise shape_error(path, value, f"shape {list(value.shape)}", array)
        numbers = NumberRule(value, limits.get(value.name), path, target).convert(array)
        tensors[value.name] = to_tensor(numbers, value.dtype)
    gradients = {
        name.removeprefix("grad/"): array
        for name, array in arrays.items()
        if name.startswith("grad/")
    }
    return RunInputs(
        tensors, arrays.get("ref_out"), _reference_loss(arrays, path), gradients, count
    )


def model_inputs(batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the inputs of the model in order, without the target."""
    names = map(batch_name, range(len(batch)))
    return tuple(batch[name] for name in names if name in batch)


def _steps_held(arrays: Mapping[str, Array], values: tuple[Value, ...], most: int) -> int:
    """Return `most` if all arrays are that many times as long as the values, else 1."""
    longer = all(arrays[value.name].shape == _lengthened(value, most) for value in values)
    return most if longer else 1


def _lengthened(value: Value, count: int) -> tuple[int, ...]:
    return (value.shape[0] * count, *value.shape[1:]) if value.shape else ()


def seeded_inputs(
    graph: Graph,
    seed: int,
    limits: Mapping[str, int] | None = None,
    target: TargetRule = ANY_TARGET,
) -> dict[str, Tensor]:
    """Return inputs drawn from a seed, for when the user gives none.

    Floats are standard normal, booleans true. Integers that index a table are uniform below its
    extent; other integers are 1, like the mask or count that they most likely are.

    Args:
        graph: Step graph of the phase to run.
        seed: Same seed, same inputs.
        limits: Extents of the indexed tables; None takes `integer_limits(graph)`.
        target: What the loss asks of the target; probabilities are uniform.
    """
    generator = torch.Generator().manual_seed(seed)
    bounds = integer_limits(graph) if limits is None else limits
    drawn = {value.name: _drawn(value, bounds, generator) for value in batch_values(graph)}
    if target.is_probability and TARGET in drawn:
        drawn[TARGET].uniform_(generator=generator)
    return drawn


def _drawn(value: Value, limits: Mapping[str, int], generator: torch.Generator) -> Tensor:
    dtype = TORCH_DTYPES[value.dtype]
    if value.dtype in INTEGERS and value.name in limits:
        numbers = torch.randint(limits[value.name], value.shape, generator=generator)
        return numbers.to(dtype)
    if value.dtype in INTEGERS or value.dtype is DType.BOOL:
        return torch.ones(value.shape, dtype=dtype)
    return torch.randn(value.shape, generator=generator).to(dtype)


def _reference_loss(arrays: Mapping[str, Array], path: DataFile) -> float | None:
    array = arrays.get("ref_loss")
    if array is None:
        return None
    if array.size != 1:
        raise InvalidInputError(
            f"data file {path}, array 'ref_loss'",
            expected="one number",
            found=f"shape {list(array.shape)}",
        )
    return float(array.item())
