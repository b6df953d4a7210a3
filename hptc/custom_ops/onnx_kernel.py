"""Running a small ONNX model on arrays: by onnxruntime, else by onnx's reference evaluator."""

import contextlib
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import onnx

from hptc.errors import ModelError, UnsupportedOpError

_PLAIN = frozenset(
    {
        "tensor(bool)",
        "tensor(double)",
        "tensor(float)",
        "tensor(float16)",
        "tensor(int16)",
        "tensor(int32)",
        "tensor(int64)",
        "tensor(int8)",
        "tensor(string)",
        "tensor(uint16)",
        "tensor(uint32)",
        "tensor(uint64)",
        "tensor(uint8)",
    }
)
"""Types that onnxruntime hands over as numpy arrays of the same element type."""
_SILENT = 4
"""onnxruntime's severity for fatal errors only; the rest is raised."""


@dataclass(frozen=True)
class OnnxKernel:
    """A model ready to run."""

    engine: str
    """`onnxruntime` or `reference`."""
    run: Callable[[Mapping[str, Any]], list[Any]]
    """Takes arrays by input name and returns the outputs in order; sequences are lists."""
    shapes: tuple[tuple[int, ...] | None, ...]
    """Of each output, as far as the shapes of the inputs decide it."""


def has_kernel(domain: str, op: str, opset: int) -> bool:
    """Tell whether onnxruntime or the reference evaluator knows the operation."""
    from onnx.reference.ops import load_op

    if (domain, op) in _runtime_ops():
        return True
    try:
        load_op(domain, op, opset)
    except (NotImplementedError, ValueError, RuntimeError, onnx.defs.SchemaError):
        return False
    return True


@cache
def _runtime_ops() -> frozenset[tuple[str, str]]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kernels = state.get_all_opkernel_def()
    return frozenset((k.domain, k.op_name) for k in kernels if k.provider == "CPUExecutionProvider")


def make_kernel(model: onnx.ModelProto, *, seeded: bool = False) -> OnnxKernel:
    """Return what computes a model.

    Args:
        model: The model; its inputs have static shapes, its data lie in it.
        seeded: It draws random numbers from a seed, as the reference evaluator does.

    Raises:
        UnsupportedOpError: Neither engine takes it.
    """
    _check_contained(model)
    session = None if seeded else _session(model)
    return _reference(model) if session is None else session


def _session(model: onnx.ModelProto) -> OnnxKernel | None:
    """Return onnxruntime's kernel, None where it has none or numpy lacks an element type."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception:  # onnxruntime raises a class of its own for each status
        return None
    ends = (*session.get_inputs(), *session.get_outputs())
    if any(end.type not in _PLAIN for end in ends):
        return None
    shapes = tuple(_static(output.shape) for output in session.get_outputs())
    return OnnxKernel("onnxruntime", lambda feeds: list(session.run(None, dict(feeds))), shapes)


def _reference(model: onnx.ModelProto) -> OnnxKernel:
    from onnx.reference import ReferenceEvaluator

    try:
        evaluator = ReferenceEvaluator(model)
    except Exception as error:  # among them classes that onnx does not export
        raise UnsupportedOpError(
            f"operation {describe(model)}",
            expected="one that onnxruntime or onnx's reference evaluator computes",
            found=f"{type(error).__name__} ({error})",
            hint="Replace it when exporting.",
        ) from error

    def run(feeds: Mapping[str, Any]) -> list[Any]:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return [_as_array(value) for value in evaluator.run(None, dict(feeds))]

    return OnnxKernel("reference", run, _inferred(model))


def _as_array(value: Any) -> Any:
    """Return numpy scalars, which the reference evaluator sometimes yields, as arrays."""
    return np.asarray(value) if isinstance(value, np.generic) else value


def _inferred(model: onnx.ModelProto) -> tuple[tuple[int, ...] | None, ...]:
    try:
        found = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        found = model
    return tuple(_shape_of(output) for output in found.graph.output)


def _shape_of(output: onnx.ValueInfoProto) -> tuple[int, ...] | None:
    if not output.type.tensor_type.HasField("shape"):
        return None
    extents = output.type.tensor_type.shape.dim
    return _static([d.dim_value if d.HasField("dim_value") else None for d in extents])


def _static(shape: Sequence[object]) -> tuple[int, ...] | None:
    extents = tuple(extent for extent in shape if isinstance(extent, int))
    return extents if len(extents) == len(shape) else None


def describe(model: onnx.ModelProto) -> str:
    """Return the name and the type of the operation that a model consists of, for messages."""
    node = model.graph.node[-1]
    title = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    return f"{node.name!r} ({title})" if node.name else title


def _check_contained(model: onnx.ModelProto) -> None:
    """Refuse data in other files: a bundle must not make its reader open any."""
    for tensor in onnx.external_data_helper._get_all_tensors(model):
        if onnx.external_data_helper.uses_external_data(tensor):
            raise ModelError(
                f"operation {describe(model)}",
                expected="all of its data in itself",
                found=f"tensor {tensor.name!r} in another file",
            )
