"""Inputs of an ONNX graph with every dimension a number.

A dimension is a number, a name, an expression over names as exporters derive it (`2*seq`,
`past_length + 1`), or anonymous; an anonymous one is called `input[axis]`.
"""

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType

import onnx
import torch

from hptc.errors import ModelError, UsageError
from hptc.frontend.onnx_graph import Graph
from hptc.frontend.onnx_ops.types import torch_dtype, type_name

MAX_ELEMENTS = 2**31
"""Of one input: more is a damaged or misread declaration, and is never allocated."""

_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.FloorDiv: operator.floordiv,
        ast.Div: operator.floordiv,
        ast.Mod: operator.mod,
    }
)
_HYPHENATED = re.compile(r"[\w.]+(-[\w.]+)+")
"""A name such as `batch-size`; exporters write a difference with blanks, `s0 - 1`."""


@dataclass(frozen=True)
class Input:
    """One input of the model, with all its dimensions known."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype


def fix_inputs(graph: Graph, fixed: Collection[str]) -> Graph:
    """Return the graph without the inputs that are constants of the import."""
    return replace(graph, inputs=tuple(v for v in graph.inputs if v.name not in fixed))


def bind_inputs(
    graph: Graph,
    dimensions: Mapping[str, int],
    examples: Mapping[str, torch.Tensor],
    where: str,
) -> tuple[Input, ...]:
    """Return the inputs with every symbolic dimension replaced by its value.

    Raises:
        ModelError: an input is no tensor or has a size that no tensor can have, or dimensions
            stay without a value (all are listed).
    """
    _refuse_unbound([v for v in graph.inputs if v.name not in examples], dimensions, where)
    bound = []
    for value in graph.inputs:
        place = f"{where}, input {value.name!r}"
        dtype = _input_dtype(value, place)
        if value.name in examples:
            shape = tuple(examples[value.name].shape)
        else:
            shape = tuple(_size(item, dimensions, place) for item in _declared(value))
            _check_size(shape, place)
        bound.append(Input(value.name, shape, dtype))
    return tuple(bound)


def check_dimensions(graph: Graph, dimensions: Mapping[str, int], where: str) -> None:
    """Check that the user's dimensions are positive and name dynamic ones of the model.

    Raises:
        UsageError: one does not.
    """
    declared = [item for value in graph.inputs for item in _declared(value)]
    texts = [item for item in declared if isinstance(item, str)]
    symbols = list(dict.fromkeys(symbol for text in texts for symbol in _symbols(text)))
    known = ", ".join(symbols) or "the model has none"
    for name, size in dimensions.items():
        if name not in (*symbols, *texts) or size < 1:
            raise UsageError(
                f"{where}, --shape {name}={size}",
                expected=f"a dynamic dimension ({known}) and a positive size",
                found=f"{name!r} and {size}",
                hint="Remove the option or correct it.",
            )


def _refuse_unbound(
    values: list[onnx.ValueInfoProto], dimensions: Mapping[str, int], where: str
) -> None:
    unbound = dict.fromkeys(
        symbol
        for value in values
        for item in _declared(value)
        if isinstance(item, str) and item not in dimensions
        for symbol in _symbols(item)
        if symbol not in dimensions
    )
    if unbound:
        raise ModelError(
            where,
            expected="a value for every dynamic dimension",
            found=f"no value for {', '.join(unbound)}",
            hint=f"Give one with {' '.join(f'--shape {name}=N' for name in unbound)}.",
        )


def _declared(value: onnx.ValueInfoProto) -> list[int | str]:
    """Return the dimensions as the file has them: numbers, names and expressions."""
    return [
        dim.dim_value
        if dim.WhichOneof("value") == "dim_value"
        else dim.dim_param or f"{value.name}[{axis}]"
        for axis, dim in enumerate(value.type.tensor_type.shape.dim)
    ]


def _symbols(text: str) -> list[str]:
    """Return the names that a dimension is computed from: nearly always just its own.

    >>> _symbols("past + 2*seq"), _symbols("batch-size"), _symbols("x[0]")
    (['past', 'seq'], ['batch-size'], ['x[0]'])
    """
    tree = _expression(text)
    if tree is None:
        return [text]
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)] or [text]


def _expression(text: str) -> ast.expr | None:
    """Return the arithmetic that a dimension spells, or None where it is a name."""
    if text.isidentifier() or _HYPHENATED.fullmatch(text):
        return None
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree if all(map(_is_arithmetic, ast.walk(tree))) else None


def _is_arithmetic(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) is int
    return isinstance(node, ast.BinOp | ast.Name | ast.Load) or type(node) in _OPERATORS


def _size(item: int | str, dimensions: Mapping[str, int], where: str) -> int:
    if isinstance(item, int):
        return item
    tree = _expression(item)
    if item in dimensions or tree is None:
        return dimensions[item]
    try:
        return _value(tree, dimensions)
    except (ZeroDivisionError, RecursionError) as error:
        raise ModelError(where, expected=f"a size {item!r}", found=str(error)) from error


def _value(node: ast.expr, dimensions: Mapping[str, int]) -> int:
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, dimensions), _value(node.right, dimensions)
        return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.Name):
        return dimensions[node.id]
    return int(ast.literal_eval(node))


def _check_size(shape: tuple[int, ...], where: str) -> None:
    if any(size < 0 for size in shape) or prod(shape) > MAX_ELEMENTS:
        raise ModelError(
            where,
            expected=f"dimensions from 0 up, and at most {MAX_ELEMENTS} elements",
            found=f"shape {list(shape)}",
            hint="Correct the declaration of the input, or the sizes given with --shape.",
        )


def _input_dtype(value: onnx.ValueInfoProto, where: str) -> torch.dtype:
    if value.type.WhichOneof("value") != "tensor_type":
        raise ModelError(
            where,
            expected="a tensor",
            found=f"a {value.type.WhichOneof('value') or 'value without a type'}",
            hint="Models whose inputs are sequences, maps or optionals cannot be trained.",
        )
    elem_type = value.type.tensor_type.elem_type
    try:
        return torch_dtype(elem_type)
    except NotImplementedError as error:
        raise ModelError(
            where,
            expected="a numeric element type",
            found=type_name(elem_type),
            hint="Move the text processing out of the model.",
        ) from error
