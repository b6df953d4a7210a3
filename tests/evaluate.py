"""A plain evaluator of step graphs, and what eager torch makes of the same step.

It shares no code with the runtime: a loop over the operations with `torch.ops`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hptc.frontend.adapter_options import AdapterSpec
from hptc.frontend.capture import Capture, Selection, capture
from hptc.frontend.recipe import Recipe
from hptc.frontend.torch import Model, load_module
from hptc.ir.graph import Arg, DTypeArg, Graph, Op, Phase, Ref, ValueKind
from hptc.ir.names import LR, STEP, batch_name
from hptc.ir.verify import verify

Tensors = Mapping[str, Tensor]

MSE_ADAMW, AUTO, ALL = Recipe(), AdapterSpec(), Selection()


def evaluate(graph: Graph, given: Tensors) -> dict[str, Tensor]:
    """Return every value of the graph."""
    found = {v.name: given[v.name] for v in graph.values if v.kind is not ValueKind.COMPUTED}
    with torch.no_grad():
        for op in graph.ops:
            found.update(zip(op.outputs, results(op, found), strict=True))
    return found


def results(op: Op, found: Tensors) -> list[Tensor]:
    """Return what an operation gives; results that its mask leaves out are not among them."""
    library, name, overload = op.kind.split(".")
    function = getattr(getattr(getattr(torch.ops, library), name), overload)
    args = [_filled(arg, found) for arg in op.args]
    result = function(*args, **{key: _filled(arg, found) for key, arg in op.kwargs})
    several = [result] if isinstance(result, Tensor) else list(result)
    return [tensor for tensor in several if tensor is not None]


def _filled(arg: Arg, found: Tensors) -> object:
    if isinstance(arg, Ref):
        return found[arg.ref]
    if isinstance(arg, DTypeArg):
        return getattr(torch, arg.dtype.value)
    if isinstance(arg, tuple):
        return [_filled(item, found) for item in arg]
    return arg


@dataclass(frozen=True)
class Step:
    """One step of one phase on given data."""

    graph: Graph
    values: Tensors
    """Every value of the graph."""

    @property
    def loss(self) -> Tensor:
        return self.output("loss")

    @property
    def gradients(self) -> dict[str, Tensor]:
        return {named.name: self.values[named.value] for named in self.graph.gradients}

    @property
    def new(self) -> dict[str, Tensor]:
        """What each state becomes."""
        return {update.state: self.values[update.new] for update in self.graph.updates}

    def output(self, name: str = "output") -> Tensor:
        return next(self.values[o.value] for o in self.graph.outputs if o.name == name)


@dataclass(frozen=True)
class Captured:
    """A model captured for some phases."""

    model: Model
    result: Capture

    def step(self, phase: Phase, inputs: Sequence[Tensor], **others: Tensor) -> Step:
        """Evaluate the step of a phase; `others` are target and states by name."""
        graph = self.result.graphs[phase]
        verify(graph)
        weights = self.result.weights
        state = {
            v.name: torch.from_numpy(weights[v.name]) if v.name in weights else torch.zeros(v.shape)
            for v in graph.values
            if v.kind not in (ValueKind.COMPUTED, ValueKind.BATCH, ValueKind.HYPER)
        }
        state = {n: t.to(getattr(torch, graph.by_name[n].dtype.value)) for n, t in state.items()}
        batch = {batch_name(index): tensor for index, tensor in enumerate(inputs)}
        hyper = {LR: torch.tensor(0.01), STEP: torch.tensor(1.0)}
        return Step(graph, evaluate(graph, {**state, **batch, **hyper, **others}))


def captured(
    module: torch.nn.Module,
    inputs: Sequence[Tensor],
    *phases: Phase,
    recipe: Recipe = MSE_ADAMW,
    adapter: AdapterSpec | Sequence[AdapterSpec] = AUTO,
    selection: Selection = ALL,
) -> Captured:
    """Capture a module; without phases, for all three."""
    model = load_module(module, inputs)
    specs = (adapter,) if isinstance(adapter, AdapterSpec) else adapter
    return Captured(model, capture(model, phases or tuple(Phase), recipe, specs, selection))
