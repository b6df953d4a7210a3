"""`hptc.onnx_node`: an ONNX operation that torch cannot express, forward only."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs
from torch import Tensor

from hptc.custom_ops.arrays import to_numpy, to_tensor
from hptc.custom_ops.onnx_kernel import OnnxKernel, describe, make_kernel
from hptc.errors import ModelError, UnsupportedOpError


def to_text(model: onnx.ModelProto) -> str:
    """Return a model as the text that `hptc.onnx_node` takes."""
    return base64.b64encode(model.SerializeToString(deterministic=True)).decode("ascii")


def from_text(text: str) -> onnx.ModelProto:
    """Return the model that `to_text` spelt; raises ModelError if it is none."""
    try:
        model = onnx.ModelProto()
        model.ParseFromString(base64.b64decode(text, validate=True))
    except (binascii.Error, DecodeError) as error:
        raise ModelError(
            "hptc.onnx_node", expected="an ONNX model in base 64", found=str(error)
        ) from error
    if not model.graph.node:
        raise ModelError("hptc.onnx_node", expected="an ONNX model", found="one without a node")
    return model


def spell(tensors: Iterable[Tensor]) -> str:
    """Return the types and shapes of results, e.g. `float32[2,3] int64[]`."""
    return " ".join(
        f"{str(t.dtype).removeprefix('torch.')}[{','.join(str(n) for n in t.shape)}]"
        for t in tensors
    )


@torch.library.custom_op("hptc::onnx_node", mutates_args=())
def onnx_node(
    operands: Sequence[Tensor], model: str, results: str, seeded: bool = False
) -> list[Tensor]:
    """Compute an ONNX operation by onnxruntime, or by onnx's reference evaluator.

    Args:
        operands: What the model takes, in the order of its inputs.
        model: A model of one operation, as `to_text` writes it.
        results: Types and shapes of the outputs, as `spell` writes them.
        seeded: The operation draws random numbers from a seed of its own.

    Raises:
        ModelError: The model is malformed, or a result is not as `results` has it.
        UnsupportedOpError: Neither engine has a kernel.
    """
    names, kernel, title = _loaded(model, seeded)
    feeds = {name: to_numpy(operand) for name, operand in zip(names, operands, strict=True)}
    found = [to_tensor(array) for array in kernel.run(feeds)]
    if spell(found) != results:
        raise ModelError(f"operation {title}", expected=results, found=spell(found) or "nothing")
    return found


@lru_cache(maxsize=1024)
def _loaded(text: str, seeded: bool) -> tuple[tuple[str, ...], OnnxKernel, str]:
    model = from_text(text)
    return (
        tuple(value.name for value in model.graph.input),
        make_kernel(model, seeded=seeded),
        describe(model),
    )


@onnx_node.register_fake
def _fake(
    operands: Sequence[Tensor], model: str, results: str, seeded: bool = False
) -> list[Tensor]:
    del operands, model, seeded
    return [_empty(result) for result in results.split()]


def _empty(result: str) -> Tensor:
    name, _, extents = result.removesuffix("]").partition("[")
    shape = [int(extent) for extent in extents.split(",") if extent]
    return torch.empty(shape, dtype=getattr(torch, name))


def _remember(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    del output
    ctx.title = describe(from_text(inputs[1]))


def _refuse(ctx: Any, *gradients: Any) -> Any:
    del gradients
    raise UnsupportedOpError(
        f"operation {ctx.title}",
        expected="an operation with a derivative on the way from a trained parameter to the loss",
        found="one that runs outside torch, forward only",
        hint="Freeze the parameters before it (--frozen REGEX).",
    )


onnx_node.register_autograd(_refuse, setup_context=_remember)
