"""Training sets.

An array for a value of the graph is named like it: `in_0`, `in_1`, ..., `target`. Each has a
leading sample axis, and one rule says what a sample is: `array[i]` has exactly the shape of the
value, and is one step. Where the values share a leading batch axis of extent B, the samples of all
arrays may come without it instead; then B samples make one step, and those left over at the end of
an epoch wait for the next shuffle.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hptc.errors import InvalidInputError
from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph, Value
from hptc.ir.names import batch_name
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
from hptc.runtime.limits import integer_limits
from hptc.runtime.loss import ANY_TARGET, TargetRule
from hptc.runtime.recorded import recorded
from hptc.runtime.tensors import to_tensor
from hptc.schedule.model import Bundle

Indices = NDArray[np.int64]

_TRAIN, _VALIDATION, _TEST = 0, 1, 2


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Samples, and which of them serve for what."""

    samples: Mapping[str, Array]
    """By name of the graph's value, each with a leading sample axis."""
    dtypes: Mapping[str, DType]
    """Element types of the graph's values."""
    train: Indices
    validation: Indices
    test: Indices
    batch: int | None
    """Samples gathered into one step; None where each sample is a whole step."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps that see each training sample once."""
        return len(self.train) // (self.batch or 1)

    def epoch(self, seed: int, number: int) -> Iterator[dict[str, Tensor]]:
        """Yield the inputs of the steps of one epoch, shuffled by seed and epoch number."""
        order = np.random.default_rng([seed, number]).permutation(self.train)
        return self.steps(order)

    def steps(self, indices: Indices) -> Iterator[dict[str, Tensor]]:
        """Yield the inputs of consecutive steps over the samples at `indices`."""
        size = self.batch or 1
        for start in range(0, len(indices) - size + 1, size):
            chosen = indices[start] if self.batch is None else indices[start : start + size]
            yield {
                name: to_tensor(array[chosen], self.dtypes[name])
                for name, array in self.samples.items()
            }


def load_training_data(
    path: DataFile,
    graph: Graph,
    aliases: Mapping[str, str] = NO_ALIASES,
    target: TargetRule = ANY_TARGET,
) -> TrainingData:
    """Read a training set; the module docstring says what a sample is.

    Args:
        path: An `.npz` file, or arrays in memory. `split` holds 0 (train), 1 (validation) or 2
            (test) for each sample; without it, all are for training.
        graph: Step graph of the phase to train first.
        aliases: Name of a value in the graph by the model's own name of the input.
        target: What the loss asks of the target.

    Raises:
        InvalidInputError: The file is unreadable or does not fit the graph.
    """
    arrays = rename(read_arrays(path), aliases, ("split", *REFERENCES), path)
    values = batch_values(graph)
    require(arrays, values, path)
    batch = _batch_extent({value.name: arrays[value.name] for value in values}, values, path)
    count = _sample_count(arrays, values, path)
    split = _split(arrays.get("split"), count, path)
    limits = integer_limits(graph)
    data = TrainingData(
        samples={
            value.name: NumberRule(value, limits.get(value.name), path, target).convert(
                arrays[value.name]
            )
            for value in values
        },
        dtypes={value.name: value.dtype for value in values},
        train=np.flatnonzero(split == _TRAIN),
        validation=np.flatnonzero(split == _VALIDATION),
        test=np.flatnonzero(split == _TEST),
        batch=batch,
    )
    if data.steps_per_epoch == 0:
        raise InvalidInputError(
            f"data file {path}",
            expected=f"at least {batch or 1} samples to train on (split 0)",
            found=str(len(data.train)),
        )
    return data


def input_aliases(bundle: Bundle) -> dict[str, str]:
    """Return the graph's name of each input by the model's own name, where those differ."""
    graph_names = {value.name for item in bundle.phases.values() for value in item.graph.values}
    pairs = {name: batch_name(index) for index, name in enumerate(recorded(bundle).inputs)}
    return {name: given for name, given in pairs.items() if name not in graph_names}


def _batch_extent(
    arrays: Mapping[str, Array], values: tuple[Value, ...], path: DataFile
) -> int | None:
    """Return the extent of the batch axis that samples lack, None if they have it."""
    leading = {value.shape[:1] for value in values}
    without = [value for value in values if arrays[value.name].ndim == len(value.shape)]
    is_gathered = len(without) == len(values) and len(leading) == 1 and leading != {()}
    for value in values:
        wanted = value.shape[1:] if is_gathered else value.shape
        if arrays[value.name].ndim == 0 or arrays[value.name].shape[1:] != wanted:
            expected = f"samples of shape {list(value.shape)} behind a leading sample axis"
            raise shape_error(path, value, expected, arrays[value.name])
    return values[0].shape[0] if is_gathered else None


def _sample_count(arrays: Mapping[str, Array], values: tuple[Value, ...], path: DataFile) -> int:
    counts = {value.name: len(arrays[value.name]) for value in values}
    if len(set(counts.values())) != 1:
        raise InvalidInputError(
            f"data file {path}",
            expected="the same number of samples in every array",
            found=", ".join(f"{count} in {name!r}" for name, count in counts.items()),
        )
    return next(iter(counts.values()))


def _split(array: Array | None, count: int, path: DataFile) -> Array:
    if array is None:
        return np.full(count, _TRAIN)
    parts = (_TRAIN, _VALIDATION, _TEST)
    if array.shape != (count,) or array.dtype.kind not in "iu" or not np.isin(array, parts).all():
        raise InvalidInputError(
            f"data file {path}, array 'split'",
            expected=f"{count} integers, each 0 (train), 1 (validation) or 2 (test)",
            found=f"{array.dtype} of shape {list(array.shape)}, {np.unique(array)[:5].tolist()}",
        )
    return array
