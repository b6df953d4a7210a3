"""Readers of measured kernels bound by memory, as the traffic that the GPU model prices."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

from benchmarks.cost_models.tables import Row, rows_of
from cost_models.gpu_streams import (
    Chip,
    Traffic,
    embedding_backward,
    gathered,
    norm,
    norm_backward,
    softmax,
    softmax_backward,
    streamed,
)
from hptc.ir.rows import Rows
from hptc.units import NS_PER_MS

KERNELS, TRAINING = "gpu_kernels_fp32", "gpu_train_ops_fp32"
_ITEM = 4
_MASK = 0.25
"""Bytes of fp32, and of a dropout's mask over those of an fp32 tensor."""


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One measurement."""

    table: str
    family: str
    op: str
    """What the host issued: tells how long that takes."""
    traffic: Callable[[Chip], Traffic]
    time_ns: float


def kernel_rows(data: Path, device: str) -> list[StreamRow]:
    """Return the memory-bound kernels of a device that were timed alone."""
    return [
        _kernel_row(row)
        for row in rows_of(data / f"{KERNELS}.csv")
        if row["device"] == device and row["op"] not in {"bmm", "linear"}
    ]


def _kernel_row(row: Row) -> StreamRow:
    op, rows = row["op"], Rows(int(row["B"]), int(row["H"]), _ITEM)
    moved, time_ns = int(row["bytes"]), float(row["time_ms"]) * NS_PER_MS
    if op == "softmax":
        return StreamRow(KERNELS, "softmax", op, lambda chip: softmax(rows, chip), time_ns)
    if op == "ln":
        return StreamRow(KERNELS, "norm", op, lambda chip: norm(rows, chip), time_ns)
    return StreamRow(KERNELS, "elementwise", op, lambda chip: streamed(moved, chip), time_ns)


def training_rows(data: Path, device: str) -> list[StreamRow]:
    """Return forward, backward and gradient-accumulation times inside real models of a device.

    Passes that start no kernel (the gradient of a sum, of what needs none) are left out.
    """
    name = device.replace(" ", "_")
    return [
        line
        for row in rows_of(data / f"{TRAINING}.csv")
        if row["device"] == name
        for line in (*_passes(row), *_accumulation(row))
    ]


def _passes(row: Row) -> Iterator[StreamRow]:
    op, shapes = row["op"], _shapes(row["input_shapes"])
    traffics = _TRAFFICS.get(op)
    if traffics is None:
        return
    for traffic, direction, column in zip(
        traffics(row, shapes), ("forward", "backward"), ("fw_ms", "bw_ms"), strict=True
    ):
        time_ns = float(row[column]) * NS_PER_MS
        if traffic is not None and time_ns:
            family = f"{_FAMILIES.get(op, 'elementwise')} {direction}"
            yield StreamRow(TRAINING, family, f"{op} {direction}", traffic, time_ns)


_Traffic = Callable[[Chip], Traffic]
_FAMILIES = {
    "softmax": "softmax",
    "layernorm": "norm",
    "dropout": "dropout",
    "embedding": "embedding",
}


def _elementwise(row: Row, shapes: list[tuple[int, ...]]) -> tuple[_Traffic, _Traffic | None]:
    out = _ITEM * prod(_shapes(row["output_shape"])[0])
    moved = out + _ITEM * sum(prod(shape) for shape in shapes)
    gradients = {"tanh": 3, "activation": 3, "div": 2, "mul": 2 if len(shapes) == 1 else 3}
    tensors = gradients.get(row["op"])
    kernels = 2 if row["op"] == "mul" and len(shapes) > 1 else 1
    if tensors is None:  # the gradient of a sum is handed on
        return (lambda chip: streamed(moved, chip)), None
    return (
        lambda chip: streamed(moved, chip),
        lambda chip: _all(streamed(tensors * out, chip) for _ in range(kernels)),
    )


def _dropout(_: Row, shapes: list[tuple[int, ...]]) -> tuple[_Traffic, _Traffic]:
    """Forward: one kernel. Backward, as recorded: mask to float, times scale, times gradient."""
    size = _ITEM * prod(shapes[0])
    return (
        lambda chip: streamed((2 + _MASK) * size, chip),
        lambda chip: _all(streamed(tensors * size, chip) for tensors in (1 + _MASK, 2, 3)),
    )


def _softmax(_: Row, shapes: list[tuple[int, ...]]) -> tuple[_Traffic, _Traffic]:
    rows = _rows(shapes[0])
    return (lambda chip: softmax(rows, chip)), (lambda chip: softmax_backward(rows, chip))


def _layernorm(_: Row, shapes: list[tuple[int, ...]]) -> tuple[_Traffic, _Traffic]:
    rows = _rows(shapes[0])
    return (lambda chip: norm(rows, chip)), (lambda chip: norm_backward(rows, chip))


def _embedding(row: Row, shapes: list[tuple[int, ...]]) -> tuple[_Traffic, _Traffic | None]:
    rows = _rows(_shapes(row["output_shape"])[0])
    length = _table_length(row, shapes[0])
    table = _ITEM * (length or 0) * rows.length
    return (
        lambda chip: gathered(2 * rows.bytes, chip),
        (lambda chip: embedding_backward(rows, table, chip)) if length else None,
    )


_TRAFFICS: dict[str, Callable[[Row, list[tuple[int, ...]]], tuple[_Traffic, _Traffic | None]]] = {
    **dict.fromkeys(("add", "mul", "div", "tanh", "activation"), _elementwise),
    "dropout": _dropout,
    "softmax": _softmax,
    "layernorm": _layernorm,
    "embedding": _embedding,
}


def _accumulation(row: Row) -> Iterator[StreamRow]:
    """Gradients added to those of the step before: two tensors read, one written."""
    op, time_ns = row["op"], float(row["grad_acc_ms"]) * NS_PER_MS
    if not time_ns:
        return
    shapes, out = _shapes(row["input_shapes"]), _shapes(row["output_shape"])[0]
    sizes = {
        "linear": (shapes[0][-1] * out[-1], out[-1]),
        "layernorm": (out[-1], out[-1]),
        "embedding": ((_table_length(row, shapes[0]) or 0) * out[-1],),
    }.get(op, ())
    if op == "linear" and out[-1] in _VOCABULARY.values():
        sizes = sizes[:1]  # heads have no bias
    if all(sizes) and sizes:
        yield StreamRow(
            TRAINING,
            "accumulate",
            f"{op} accumulate",
            lambda chip: _all(streamed(3 * _ITEM * size, chip) for size in sizes),
            time_ns,
        )


_VOCABULARY = {"bert": 30522, "gpt2": 50257, "gpt3": 50257, "opt": 50272}
"""Rows of the tables of tokens, from the models' published configurations."""


def _table_length(row: Row, indices: tuple[int, ...]) -> int | None:
    """Rows of the table that an embedding looks up, None for a model unknown here.

    The reference does not say whether a lone sequence is one of tokens or of positions; adding a
    gradient of a table of tokens takes far longer than its look-up.
    """
    of_tokens = indices[0] > 1 or float(row["grad_acc_ms"]) > float(row["fw_ms"])
    vocabulary = _VOCABULARY.get(re.split(r"[_-]", row["model"])[0])
    return vocabulary if of_tokens else indices[-1]


def _all(traffics: Iterator[Traffic]) -> Traffic:
    return sum(traffics, Traffic())


def _rows(shape: tuple[int, ...]) -> Rows:
    return Rows(prod(shape[:-1]), shape[-1], _ITEM)


def _shapes(text: str) -> list[tuple[int, ...]]:
    """Return the shapes in a text such as `[[2  8]  [1]]` or `(2  8)`."""
    found = re.findall(r"[\[(]([\d\s]+)[\])]", text)
    return [tuple(map(int, numbers.split())) for numbers in found]
