"""Exported programs with dynamic dimensions, made static.

The sizes are those of given example inputs, or bound by name: the name of a `torch.export.Dim`
where the program still knows it (a file does not), or `input[axis]`. torch exports the program
anew, with tensors of these sizes, and checks the constraints that the first export recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from hptc.errors import ModelError, UsageError
from hptc.frontend.flatten import ExampleInputs
from hptc.frontend.torch import Model, load_module, load_program


@dataclass(frozen=True)
class _Symbol:
    """A dynamic dimension."""

    names: tuple[str, ...]
    """By which the user may call it, the best first."""
    smallest: int
    largest: int | None


def load_static(
    program: ExportedProgram, inputs: ExampleInputs | None, dimensions: Mapping[str, int]
) -> Model:
    """Return a program as a model without dynamic dimensions.

    Args:
        program: Any exported program.
        inputs: Example inputs; None takes the program's own, or such of the sizes asked for.
        dimensions: Size of each dynamic dimension, by name.

    Raises:
        UsageError: A name is no dynamic dimension, or a size is out of its range.
        ModelError: Dimensions stay without a size, or constraints of the program are broken.
    """
    places = _places(program)
    symbols = _symbols(program, places)
    if inputs is not None and dimensions:
        raise UsageError("--shape", expected="sizes or example inputs", found="both")
    if symbols and inputs is not None:
        return _exported(program, inputs)
    sizes = _bound(symbols, dimensions)
    if not symbols:
        return load_program(program, inputs)
    shapes = [tuple(_size(extent, sizes) for extent in shape) for _, shape in places]
    return _exported(program, _examples(program, places, shapes))


def _places(program: ExportedProgram) -> list[tuple[str, tuple[Any, ...]]]:
    """Return name and shape of each input, extents as numbers or sympy expressions."""
    wanted = set(program.graph_signature.user_inputs)
    found = []
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if node.op == "placeholder" and node.name in wanted and isinstance(value, Tensor):
            extents = (e.node.expr if isinstance(e, torch.SymInt) else e for e in value.shape)
            found.append((node.name, tuple(extents)))
    return found


def _symbols(
    program: ExportedProgram, places: Sequence[tuple[str, tuple[Any, ...]]]
) -> dict[Any, _Symbol]:
    names: dict[Any, list[str]] = {}
    for name, shape in places:
        for axis, extent in enumerate(shape):
            for symbol in sorted(getattr(extent, "free_symbols", ()), key=str):
                called = names.setdefault(symbol, [])
                if extent == symbol:
                    called += [*_given_names(program, name, axis), f"{name}[{axis}]"]
    ranges = program.range_constraints
    return {symbol: _symbol(called, symbol, ranges.get(symbol)) for symbol, called in names.items()}


def _symbol(called: Sequence[str], symbol: object, limits: Any) -> _Symbol:
    named = sorted(called, key=lambda name: "[" in name)
    lower, upper = (0, None) if limits is None else (limits.lower, limits.upper)
    return _Symbol(
        tuple(dict.fromkeys((*named, str(symbol)))),
        int(lower) if getattr(lower, "is_Integer", False) else 0,
        int(str(upper)) if getattr(upper, "is_Integer", False) else None,
    )


def _given_names(program: ExportedProgram, name: str, axis: int) -> list[str]:
    """Return what `torch.export.Dim` called an extent, which only the first export knows."""
    node = next(node for node in program.graph.nodes if node.name == name)
    extent: Any = node.meta["val"].shape[axis]
    known = extent.node.shape_env.source_name_to_debug_name
    text = str(known.get(f"L['{name}'].size()[{axis}]", ""))
    return [text] if text.isidentifier() else []


def _bound(symbols: Mapping[Any, _Symbol], dimensions: Mapping[str, int]) -> dict[Any, int]:
    sizes: dict[Any, int] = {}
    for name, size in dimensions.items():
        symbol = next((s for s, item in symbols.items() if name in item.names), None)
        if symbol is None:
            known = ", ".join(item.names[0] for item in symbols.values()) or "the model has none"
            expected = f"a dynamic dimension ({known})"
            raise UsageError(f"--shape {name}={size}", expected=expected, found=repr(name))
        _check_range(name, size, symbols[symbol])
        if sizes.setdefault(symbol, size) != size:
            raise UsageError(f"--shape {name}={size}", expected=str(sizes[symbol]), found=str(size))
    unbound = [item.names[0] for symbol, item in symbols.items() if symbol not in sizes]
    if unbound:
        raise ModelError(
            "the exported program",
            expected="a value for every dynamic dimension",
            found=f"no value for {', '.join(unbound)}",
            hint=f"Give one with {' '.join(f'--shape {name}=N' for name in unbound)}.",
        )
    return sizes


def _check_range(name: str, size: int, symbol: _Symbol) -> None:
    if size < max(1, symbol.smallest) or (symbol.largest is not None and size > symbol.largest):
        upper = "up" if symbol.largest is None else f"to {symbol.largest}"
        raise UsageError(
            f"--shape {name}={size}",
            expected=f"a size from {max(1, symbol.smallest)} {upper}, as the model was exported",
            found=str(size),
        )


def _size(extent: Any, sizes: Mapping[Any, int]) -> int:
    return int(extent.subs(sizes)) if hasattr(extent, "subs") else int(extent)


def _examples(
    program: ExportedProgram,
    places: Sequence[tuple[str, tuple[Any, ...]]],
    shapes: Sequence[tuple[int, ...]],
) -> tuple[Tensor, ...]:
    args, kwargs = program.example_inputs or ((), {})
    own = [item for item in args if isinstance(item, Tensor)]
    if kwargs or not len(own) == len(args) == len(places):
        raise ModelError(
            "the exported program",
            expected="an example input for each of its positional tensors",
            found=f"{len(own)} such tensors, for {len(places)}",
            hint="Export it with positional tensors alone, or with static dimensions.",
        )
    generator = torch.Generator().manual_seed(0)
    return tuple(_example(item, s, generator) for item, s in zip(own, shapes, strict=True))


def _example(own: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return the input itself, or one of another size: integers repeat its own, valid numbers."""
    if tuple(own.shape) == shape:
        return own
    if own.is_floating_point():
        return torch.randn(shape, generator=generator).to(own.dtype)
    flat = own.reshape(-1) if own.numel() else torch.zeros(1, dtype=own.dtype)
    count = torch.Size(shape).numel()
    return flat[torch.arange(count) % len(flat)].reshape(shape)


def _exported(program: ExportedProgram, inputs: ExampleInputs) -> Model:
    return load_module(program.module(), inputs)
