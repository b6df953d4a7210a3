"""Which initializers are parameters: by the exporter's word, their use, or their data."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch

from hptc.frontend.onnx_graph import Graph
from hptc.frontend.onnx_tables import fixed_table, is_series
from hptc.frontend.onnx_uses import Use, Uses
from hptc.frontend.patterns import search


@dataclass(frozen=True)
class Choice:
    """Whether an initializer is trained, and why."""

    trained: bool
    reason: str
    certain: bool
    named: bool = False
    """Whether the user said so."""


_BY_USE = {
    Use.OTHER: Choice(False, "not used as a weight", certain=False),
    Use.SHIFT: Choice(False, "normalises by stored numbers", certain=False),
    Use.STATISTIC: Choice(False, "running statistic of a normalisation", certain=True),
    Use.SURE: Choice(True, "bias of a contraction, or scale or bias of a norm", certain=True),
}
"""Choices that the use alone settles, whatever the data."""


def is_anonymous(name: str) -> bool:
    """Whether the exporter made the name up, e.g. `val_12`, so it is a folded constant.

    >>> is_anonymous("val_12"), is_anonymous("encoder.weight")
    (True, False)
    """
    return re.fullmatch(r"(val|const|onnx::\w+|_val|tmp)_\d+", name) is not None


def choose_trained(graph: Graph) -> dict[str, Choice]:
    """Return the choice for every initializer of a floating type."""
    uses = Uses(graph)
    return {
        name: _declared(graph.declared.get(name, ""), value) or _choose(name, value, uses.of(name))
        for name, value in graph.initializers.items()
        if value.is_floating_point()
    }


def overrule(
    choices: Mapping[str, Choice], pattern: str | None, integers: Collection[str], *, trained: bool
) -> dict[str, Choice]:
    """Return the choices with those that `pattern` is found in set to `trained`.

    Raises:
        UsageError: the pattern is no regular expression, or is found in no name, or only in those
            of `integers`.
    """
    option = "--train" if trained else "--frozen"
    found = search(option, pattern, choices, integers)
    chosen = Choice(trained, f"named by {option} {pattern}", certain=True, named=True)
    return {name: chosen if name in found else choice for name, choice in choices.items()}


def _declared(kind: str, value: torch.Tensor) -> Choice | None:
    """Return the choice that follows from what torch held; it does not say what was frozen."""
    if kind == "PARAMETER":
        if is_series(value):
            return Choice(False, "its data is made of sinusoids or series", certain=False)
        return Choice(True, "a parameter of the torch module", certain=True)
    if kind in {"BUFFER", "CONSTANT_TENSOR"}:
        return Choice(False, "no parameter of the torch module", certain=True)
    return None


def _choose(name: str, value: torch.Tensor, use: Use) -> Choice:
    if use in _BY_USE:
        return _BY_USE[use]
    if value.numel() == 1 and use is not Use.CONTRACTION:
        return Choice(False, "a single number", certain=is_anonymous(name))
    fixed = fixed_table(value)
    if fixed is not None:
        return Choice(False, f"its data is {fixed}", certain=False)
    if use is Use.TABLE and is_anonymous(name):
        return Choice(False, "a constant folded by the exporter", certain=False)
    if use is Use.TABLE:
        return Choice(True, "a table added or multiplied, with no fixed pattern", certain=False)
    return Choice(True, "an embedding table or contraction weight", certain=True)
