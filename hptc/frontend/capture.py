"""Capture: one model to the step graph of each phase, with the tensors that enter them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hptc.errors import ModelError
from hptc.frontend.adapt import choose_adapters
from hptc.frontend.adapter_options import AdapterSpec
from hptc.frontend.dtypes import to_array
from hptc.frontend.lower import lower
from hptc.frontend.merging import merge_graph
from hptc.frontend.patterns import search
from hptc.frontend.random import first_state
from hptc.frontend.recipe import Recipe
from hptc.frontend.step_inputs import StepPlan
from hptc.frontend.torch import Model
from hptc.frontend.training import trace_step
from hptc.ir.adapter import Adapter, parts_of
from hptc.ir.graph import Graph, Phase
from hptc.ir.names import RANDOM_STATE, TARGET, batch_name


@dataclass(frozen=True, slots=True)
class Selection:
    """Which parameters are trained, by regular expression (`re.search`) on their names."""

    train: str | None = None
    """In `low`: kept trained as they are."""
    frozen: str | None = None
    """Frozen in every phase."""


@dataclass(frozen=True)
class Capture:
    """Step graphs per phase and the data they start from."""

    graphs: Mapping[Phase, Graph]
    weights: Mapping[str, NDArray[np.generic]]
    """Parameters, buffers and constants by value name."""
    adapters: tuple[Adapter, ...]
    merge: Graph | None
    """What leaving `low` computes: its adapters folded into their weights."""


def capture(
    model: Model,
    phases: Sequence[Phase],
    recipe: Recipe,
    adapter: Sequence[AdapterSpec],
    selection: Selection = Selection(),
    seed: int = 0,
) -> Capture:
    """Trace the step of every phase; `seed` is that of the random numbers it draws, if any.

    Raises ModelError, UnsupportedOpError or UsageError (a pattern that matches nothing).
    """
    _check_names(model)
    names = list(model.parameters)
    frozen = search("--frozen", selection.frozen, names)
    able = [name for name in names if model.parameters[name].requires_grad]
    trained = [name for name in able if name not in frozen]
    chosen = search("--train", selection.train, able, names)
    kept = [name for name in trained if name in chosen]
    adapters: tuple[Adapter, ...] = ()
    if Phase.LOW in phases:
        adapters = choose_adapters(model.program, model.canonical, adapter, frozenset(kept))
    _check_part_names(model, adapters)
    plans = {
        Phase.FULL: StepPlan(Phase.FULL, tuple(trained), recipe),
        Phase.LOW: StepPlan(Phase.LOW, tuple(kept), recipe, adapters),
        Phase.INFER: StepPlan(Phase.INFER, (), recipe),
    }
    lowered = {phase: lower(trace_step(model, plans[phase]), phase) for phase in phases}
    tensors = {**model.parameters, **model.buffers}
    for result in lowered.values():
        tensors.update(result.constants)
        if RANDOM_STATE in result.graph.by_name:
            tensors[RANDOM_STATE] = first_state(seed)
    return Capture(
        graphs={phase: result.graph for phase, result in lowered.items()},
        weights={name: to_array(tensor) for name, tensor in tensors.items()},
        adapters=adapters,
        merge=merge_graph(model, adapters) if adapters else None,
    )


def _check_names(model: Model) -> None:
    batch = {TARGET, *(batch_name(index) for index in range(len(model.inputs)))}
    clashes = sorted(batch.intersection((*model.parameters, *model.buffers)))
    if clashes:
        raise ModelError(
            f"parameter or buffer {clashes[0]}",
            expected="a name that is not that of an input of the step, as target and in_0 are",
            found=", ".join(clashes),
            hint="Rename it in the model.",
        )


def _check_part_names(model: Model, adapters: Sequence[Adapter]) -> None:
    clashes = {part.name for part in parts_of(adapters)} & {*model.parameters, *model.buffers}
    if clashes:
        raise ModelError(
            f"parameter or buffer {min(clashes)}",
            expected="a name that is not that of a part of an adapter",
            found=", ".join(sorted(clashes)),
            hint="Rename it in the model, or choose another form with --adapt.",
        )
