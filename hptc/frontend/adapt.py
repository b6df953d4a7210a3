"""Reparametrisations of frozen matrices for the phase `low`.

`lora` (Hu et al. 2022): a frozen W0 becomes W0 + s * A @ B with trained A [in, r], B [r, out] and
s = alpha / r. The product is never formed where a linear map or convolution meets the weight; there
x @ W0 + s * (x @ A) @ B keeps W0 static. Autograd derives the backward pass.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import inf

from torch import Tensor
from torch.export import ExportedProgram

from hptc.errors import UsageError
from hptc.frontend.dataflow import CONVOLUTION, EINSUM, WeightUse, attention_weights, weight_uses
from hptc.ir.adapter import Adapter


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """What the option `--adapt` asks for."""

    form: str = "lora"
    rank: int = 8
    alpha: float = 64.0
    match: str = "auto"


def parse_adapter(text: str) -> AdapterSpec:
    """Parse `lora:r=8,alpha=64,match=auto`; raises UsageError naming the part at fault."""
    form, _, options = text.partition(":")
    spec = AdapterSpec(form=form)
    if form != "lora":
        raise UsageError(f"--adapt {text}", expected="the form lora", found=repr(form))
    for item in filter(None, options.split(",")):
        key, _, value = item.partition("=")
        spec = _with_option(spec, key.strip(), value.strip(), text)
    return spec


def _with_option(spec: AdapterSpec, key: str, value: str, text: str) -> AdapterSpec:
    try:
        if key == "r" and int(value) > 0:
            return replace(spec, rank=int(value))
        if key == "alpha" and 0 < float(value) < inf:
            return replace(spec, alpha=float(value))
    except ValueError:
        pass
    if key == "match" and value:
        return replace(spec, match=value)
    raise UsageError(
        f"--adapt {text}",
        expected="r=POSITIVE INTEGER, alpha=POSITIVE NUMBER or match=auto|PATTERN",
        found=f"{key}={value}",
    )


def choose_adapters(
    program: ExportedProgram, canonical: dict[str, str], spec: AdapterSpec, kept: frozenset[str]
) -> tuple[Adapter, ...]:
    """Return the adapters of a program; `kept` names weights that stay trained as they are.

    `match=auto` takes the query and value projections of attention, else the weight of every
    linear map and convolution. Raises UsageError if an explicit pattern matches nothing.
    """
    uses = weight_uses(program, canonical)
    able = {use.parameter: use for use in uses if _is_adaptable(program, use)}
    if spec.match == "auto":
        names = [name for name in attention_weights(program, uses) if name in able]
        names = names or list(able)
    else:
        aliases = [name for name, kept_name in canonical.items() if kept_name in able]
        found = matching(spec.match, aliases, option="--adapt match")
        names = [canonical[name] for name in found]
    return tuple(
        _adapter(program, able[name], spec) for name in able if name in names and name not in kept
    )


def matching(pattern: str, names: Sequence[str], *, option: str) -> list[str]:
    """Return the names in which `pattern` matches a run of whole dotted segments.

    Segments may use shell wildcards; alternatives are separated by `|`. Raises UsageError with
    near names if nothing matches.
    """
    found = [name for name in names if any(_in_segments(p, name) for p in pattern.split("|"))]
    if not found:
        near = get_close_matches(pattern, names, n=3, cutoff=0.0)
        raise UsageError(
            f"{option}={pattern}",
            expected="a pattern that matches a run of dotted segments of a weight's name",
            found="no match",
            hint=f"Near names: {', '.join(near)}." if near else "The model has no such weight.",
        )
    return found


def _in_segments(pattern: str, name: str) -> bool:
    wanted, have = pattern.split("."), name.split(".")
    starts = range(len(have) - len(wanted) + 1)
    return any(
        all(fnmatch.fnmatchcase(have[start + i], part) for i, part in enumerate(wanted))
        for start in starts
    )


def _is_adaptable(program: ExportedProgram, use: WeightUse) -> bool:
    """Tell whether a low-rank update suits: one matrix, or the filters of all channels."""
    weight = program.state_dict[use.parameter]
    is_matrix = weight.dim() == 2  # noqa: PLR2004
    suits = weight.numel() > 0 and (is_matrix or use.node.target in CONVOLUTION)
    return suits and use.groups == 1 and use.node.target not in EINSUM


def _adapter(program: ExportedProgram, use: WeightUse, spec: AdapterSpec) -> Adapter:
    shape = tuple(program.state_dict[use.parameter].shape)
    flat = (shape[0], program.state_dict[use.parameter].numel() // shape[0])
    outer, inner = flat if use.transposed else (flat[1], flat[0])
    rank = min(spec.rank, inner, outer)
    return Adapter(use.parameter, inner, outer, rank, spec.alpha / rank, use.transposed)


def merged(weight: Tensor, adapter: Adapter, factors: Mapping[str, Tensor]) -> Tensor:
    """Return W0 + s * A @ B in the stored layout (shape of `weight`)."""
    delta = factors[adapter.a] @ factors[adapter.b]
    if adapter.transposed:
        delta = delta.t()
    return weight + adapter.scale * delta.reshape(weight.shape)
