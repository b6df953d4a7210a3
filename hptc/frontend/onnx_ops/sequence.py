"""Sequences of tensors, held as tuples, and optional values."""

from typing import Any

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.rule import Rule, only

Tensors = tuple[Tensor, ...]


def _parts(x: Tensor, split: int | tuple[int, ...] | None, axis: int) -> Tensors:
    if split is None:
        return torch.split(x, 1, axis)
    return torch.split(x, split if isinstance(split, int) else list(split), axis)


def _split_to_sequence(
    x: Tensor, split: Any = None, *, axis: int = 0, keepdims: int = 1
) -> Tensors:
    parts = _parts(x, split, axis)
    if split is None and not keepdims:
        return tuple(part.squeeze(axis) for part in parts)
    return tuple(parts)


def _concat_from_sequence(parts: Tensors, *, axis: int, new_axis: int = 0) -> Tensor:
    return torch.stack(parts, axis) if new_axis else torch.cat(parts, axis)


def _construct(*items: Tensor) -> Tensors:
    return items


def _empty(*, dtype: int = 1) -> Tensors:
    return ()


def _at(items: Tensors, position: int) -> Tensor:
    return items[position]


def _insert(items: Tensors, item: Tensor, position: Any = None) -> Tensors:
    if position is None:
        return (*items, item)
    place = only(position)
    return (*items[:place], item, *items[place:])


def _erase(items: Tensors, position: int | None = None) -> Tensors:
    place = len(items) - 1 if position is None else position % len(items)
    return (*items[:place], *items[place + 1 :])


def _length(items: Tensors) -> Tensor:
    return torch.tensor(len(items))


def _optional(value: Any = None, *, type: str = "") -> Any:
    return value


def _get_element(value: Any) -> Any:
    return value


def _has_element(value: Any = None) -> Tensor:
    return torch.tensor(value is not None)


RULES: tuple[Rule, ...] = (
    Rule("ConcatFromSequence", _concat_from_sequence),
    Rule("Optional", _optional, whole=True),
    Rule("OptionalGetElement", _get_element, whole=True),
    Rule("OptionalHasElement", _has_element, shape_only=True),
    Rule("SequenceAt", _at, static=(1,)),
    Rule("SequenceConstruct", _construct, whole=True),
    Rule("SequenceEmpty", _empty, whole=True),
    Rule("SequenceErase", _erase, static=(1,), whole=True),
    Rule("SequenceInsert", _insert, static=(2,), whole=True),
    Rule("SequenceLength", _length, shape_only=True),
    Rule("SplitToSequence", _split_to_sequence, static=(1,), whole=True),
)
