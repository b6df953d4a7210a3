"""Reparametrisations of frozen matrices for the phase `low`: which weights get which adapter."""

import fnmatch
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from torch.export import ExportedProgram

from hptc.errors import UsageError
from hptc.frontend.adapter_options import AdapterSpec
from hptc.frontend.adapters import FORMS
from hptc.frontend.adapters.form import Matrix
from hptc.frontend.dataflow import CONVOLUTION, EINSUM, WeightUse, attention_weights, weight_uses
from hptc.frontend.dtypes import dtype_of
from hptc.ir.adapter import Adapter


def choose_adapters(
    program: ExportedProgram,
    canonical: dict[str, str],
    specs: Sequence[AdapterSpec],
    kept: frozenset[str],
) -> tuple[Adapter, ...]:
    """Return the adapters of a program; `kept` names weights that stay trained as they are.

    The first clause that takes a weight decides. `match=auto` takes the query and value projections
    of attention, else the weight of every linear map and convolution. Raises UsageError if an
    explicit pattern matches nothing.
    """
    uses = weight_uses(program, canonical)
    able = {use.parameter: use for use in uses if _is_adaptable(program, use)}
    attention = [name for name in attention_weights(program, uses) if name in able]
    chosen: dict[str, AdapterSpec] = {}
    for spec in specs:
        found = attention or list(able)
        if spec.match != "auto":
            found = _matched(spec.match, canonical, able)
        chosen = {**dict.fromkeys(found, spec), **chosen}
    return tuple(
        _adapter(program, able[name], chosen[name])
        for name in able
        if name in chosen and name not in kept
    )


def _matched(
    pattern: str, canonical: Mapping[str, str], able: Mapping[str, WeightUse]
) -> list[str]:
    aliases = [name for name, kept_name in canonical.items() if kept_name in able]
    return [canonical[name] for name in matching(pattern, aliases, option="--adapt match")]


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
    """Tell whether an update suits: one matrix, or the filters of all channels."""
    weight = program.state_dict[use.parameter]
    suits = weight.dim() == 2 or use.node.target in CONVOLUTION  # noqa: PLR2004  (a matrix)
    is_single = use.groups == 1 and use.node.target not in EINSUM
    return suits and is_single and weight.numel() > 0


def _adapter(program: ExportedProgram, use: WeightUse, spec: AdapterSpec) -> Adapter:
    weight = program.state_dict[use.parameter]
    flat = (weight.shape[0], weight.numel() // weight.shape[0])
    outer, inner = flat if use.transposed else (flat[1], flat[0])
    dtype = dtype_of(weight, use.parameter)
    matrix = Matrix(use.parameter, inner, outer, use.transposed, dtype)
    form = FORMS[spec.form]
    rank = min(spec.rank, form.largest(matrix))
    scale = 1.0 if spec.alpha is None else spec.alpha / rank
    parts = form.parts(matrix, rank, spec.init)
    return Adapter(spec.form, use.parameter, inner, outer, rank, scale, use.transposed, parts)
