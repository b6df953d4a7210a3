"""Frozen data to bytes and back: JSON for dataclasses, safetensors for weights."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from hptc.errors import BundleError, UnsupportedOpError, VerifyError
from hptc.ir.graph import Graph
from hptc.schedule.model import Schedule, Transition

T = TypeVar("T")

_deserialize: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = safetensors.deserialize

_CONFIG = ConfigDict(ser_json_inf_nan="constants")  # attention masks are full of -inf
GRAPH: TypeAdapter[tuple[Graph]] = TypeAdapter(tuple[Graph], config=_CONFIG)
SCHEDULE: TypeAdapter[tuple[Schedule]] = TypeAdapter(tuple[Schedule], config=_CONFIG)
TRANSITIONS: TypeAdapter[tuple[Transition, ...]] = TypeAdapter(
    tuple[Transition, ...], config=_CONFIG
)

_DTYPES: Mapping[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "C64": np.complex64,
    "BOOL": np.bool_,
}


def to_json(adapter: TypeAdapter[T], data: T) -> bytes:
    """Return the JSON of `data`; infinities and NaN are written as JavaScript spells them."""
    return adapter.dump_json(data)


def from_json(adapter: TypeAdapter[T], where: str, data: bytes) -> T:
    """Return what `to_json` was given.

    Raises:
        BundleError: The JSON does not have the schema; the message names `where`.
    """
    try:
        return adapter.validate_json(data, strict=True)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise BundleError(
            where, expected="its schema", found=f"{first['msg']} at {place or 'the start'}"
        ) from err


def object_to_json(where: str, data: Mapping[str, object]) -> bytes:
    """Return the JSON of an object of plain values.

    Raises:
        VerifyError: It holds something that JSON has no word for, e.g. NaN.
    """
    try:
        return json.dumps(data, indent=1, allow_nan=False).encode()
    except (TypeError, ValueError) as err:
        raise VerifyError(where, expected="values that JSON can hold", found=str(err)) from err


def object_from_json(where: str, data: bytes) -> dict[str, object]:
    """Return the object that `data` spells (BundleError naming `where` if it is none)."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise BundleError(where, expected="JSON", found=str(err)) from err
    if not isinstance(found, dict):
        raise BundleError(where, expected="a JSON object", found=type(found).__name__)
    return found


def weights_to_bytes(weights: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Return the arrays as safetensors, whatever their memory layout.

    Raises:
        UnsupportedOpError: safetensors lacks an element type, e.g. complex128.
    """
    dense = {name: np.asarray(array, order="C") for name, array in sorted(weights.items())}
    try:
        data: bytes = safetensors.numpy.save(dense)
    except safetensors.SafetensorError as err:
        raise UnsupportedOpError(
            "weights of the bundle", expected="element types that it can hold", found=str(err)
        ) from err
    return data


def weights_from_bytes(where: str, data: bytes) -> dict[str, NDArray[np.generic]]:
    """Return writable arrays by name.

    Raises:
        BundleError: The bytes are no safetensors file, or of an element type hptc does not know.
    """
    try:
        tensors = _deserialize(data)
    except safetensors.SafetensorError as err:
        raise BundleError(where, expected="safetensors", found=str(err)) from err
    arrays = {}
    for name, tensor in sorted(tensors, key=lambda pair: pair[0]):
        if tensor["dtype"] not in _DTYPES:
            raise BundleError(
                where, expected=f"one of {', '.join(_DTYPES)}", found=f"{tensor['dtype']} in {name}"
            )
        flat = np.frombuffer(tensor["data"], dtype=_DTYPES[tensor["dtype"]])
        arrays[name] = flat.reshape(tensor["shape"])
    return arrays
