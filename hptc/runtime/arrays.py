"""Arrays that a user hands over as `F.npz`: read without pickle, checked against the step graph."""

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hptc.errors import InvalidInputError
from hptc.frontend.dtypes import to_array
from hptc.ir.dtypes import DType
from hptc.ir.graph import Graph, Value, ValueKind
from hptc.ir.names import BATCH_PREFIX, TARGET, batch_name
from hptc.runtime.limits import INTEGERS
from hptc.runtime.loss import ANY_TARGET, TargetRule

Array = NDArray[Any]

NO_ALIASES: Mapping[str, str] = {}

REFERENCES = ("ref_out", "ref_loss", "grad/*")
"""Names of arrays that say what a step should give."""


@dataclass(frozen=True, slots=True)
class InMemory:
    """Arrays that a program hands over as they are; stands where a path could."""

    arrays: Mapping[str, Array]

    def __str__(self) -> str:
        """Return what messages show in place of a path."""
        return "(in memory)"


DataFile = Path | InMemory


def in_memory(tensors: Mapping[str, Array | Tensor]) -> InMemory:
    """Return tensors and arrays as a data file; bfloat16, which numpy lacks, becomes float32."""
    return InMemory(
        {
            name: to_array(item) if isinstance(item, Tensor) else np.asarray(item)
            for name, item in tensors.items()
        }
    )


def read_arrays(path: DataFile) -> dict[str, Array]:
    """Return the arrays of an `.npz` file by name; raises InvalidInputError."""
    if isinstance(path, InMemory):
        return dict(path.arrays)
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if not isinstance(loaded, np.lib.npyio.NpzFile):
                raise _file_error(path, "a single array")
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise InvalidInputError(
            f"data file {path}", expected="a readable file", found=f"{error.strerror or error}"
        ) from error
    except (ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise _file_error(path, f"{type(error).__name__}: {error}") from error


def _file_error(path: Path, found: str) -> InvalidInputError:
    return InvalidInputError(
        f"data file {path}",
        expected="named arrays of numbers, as numpy.savez writes them",
        found=found.rstrip("."),
    )


def batch_values(graph: Graph) -> tuple[Value, ...]:
    """Return the values that a user hands over at every step."""
    return tuple(value for value in graph.values if value.kind is ValueKind.BATCH)


def rename(
    arrays: Mapping[str, Array], aliases: Mapping[str, str], other: Iterable[str], path: DataFile
) -> dict[str, Array]:
    """Return the arrays under the names of the graph.

    Args:
        arrays: What the file holds.
        aliases: Name of a value in the graph by the model's own name of the input.
        other: Further names that the file may hold; a trailing `*` stands for any ending.
        path: The file, for messages.

    Raises:
        InvalidInputError: A name is unknown, or given twice.
    """
    known, prefixes = {TARGET}, [BATCH_PREFIX]
    for name in other:
        if name.endswith("*"):
            prefixes.append(name[:-1])
        else:
            known.add(name)
    renamed: dict[str, Array] = {}
    for name, array in arrays.items():
        key = aliases.get(name, name)
        if key not in known and not key.startswith(tuple(prefixes)):
            allowed = [batch_name(0), batch_name(1), "...", TARGET, *other, *aliases]
            raise InvalidInputError(
                f"data file {path}", expected=f"arrays named {', '.join(allowed)}", found=repr(name)
            )
        if key in renamed:
            raise InvalidInputError(
                f"data file {path}", expected=f"{key!r} once", found=f"it again as {name!r}"
            )
        renamed[key] = array
    return renamed


def require(arrays: Mapping[str, Array], values: Iterable[Value], path: DataFile) -> None:
    """Raise InvalidInputError if an array is missing for one of `values`."""
    missing = [value.name for value in values if value.name not in arrays]
    if missing:
        raise InvalidInputError(
            f"data file {path}",
            expected=f"an array for {', '.join(map(repr, missing))}",
            found=f"only {', '.join(arrays) or 'nothing'}",
        )


@dataclass(frozen=True, slots=True)
class NumberRule:
    """What the numbers for one value of the graph must be."""

    value: Value
    limit: int | None
    """Integers stay below it; None where they index no table."""
    path: DataFile
    target: TargetRule = ANY_TARGET
    """Holds for the value called `target`."""

    def convert(self, array: Array) -> Array:
        """Return the numbers in the graph's element type, or float32 where numpy has none such.

        Raises:
            InvalidInputError: They are of another kind, not finite, or out of range.
        """
        dtype = self.value.dtype
        kinds = _kinds(dtype)
        if array.dtype.kind not in kinds:
            raise self._error(f"elements of type {dtype.value}", str(array.dtype))
        if kinds == "iu":
            self._check_range(array)
        target = np.dtype(dtype.value if hasattr(np, dtype.value) else "float32")
        with np.errstate(over="ignore"):
            converted: Array = array.astype(target)
        if "f" in kinds and not np.isfinite(converted).all():
            raise self._error(f"finite numbers of type {dtype.value}", "NaN, infinite or too large")
        self._check_probabilities(converted)
        return converted

    def _check_probabilities(self, array: Array) -> None:
        if self.value.name != TARGET or not self.target.is_probability:
            return
        wrong = array[(array < 0) | (array > 1)]
        if wrong.size:
            raise self._error("probabilities from 0 to 1", str(wrong[0]))

    def _check_range(self, array: Array) -> None:
        info = np.iinfo(self.value.dtype.value)
        low, high = int(info.min), int(info.max)
        if self.limit is not None:
            low, high = 0, self.limit - 1
        wrong = array[(array < low) | (array > high)]
        if self.value.name == TARGET and self.target.ignored is not None:
            wrong = wrong[wrong != self.target.ignored]
        if wrong.size:
            raise self._error(f"integers from {low} to {high}", str(wrong[0]))

    def _error(self, expected: str, found: str) -> InvalidInputError:
        where = f"data file {self.path}, array {self.value.name!r}"
        return InvalidInputError(where, expected=expected, found=found)


def _kinds(dtype: DType) -> str:
    """Return the kinds of numpy elements, as `numpy.dtype.kind` has them, that fit a type."""
    if dtype is DType.BOOL:
        return "b"
    if dtype in INTEGERS:
        return "iu"
    return "fc" if dtype.value.startswith("complex") else "f"


def shape_error(path: DataFile, value: Value, expected: str, array: Array) -> InvalidInputError:
    """Return what tells that the array for `value` has the wrong shape."""
    return InvalidInputError(
        f"data file {path}, array {value.name!r}",
        expected=expected,
        found=f"shape {list(array.shape)}",
    )
