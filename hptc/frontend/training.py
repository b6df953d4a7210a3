"""From an exported model to the traced training step of one phase.

The step is an ordinary Python function of named tensors: it interprets the exported program, asks
autograd for the gradients, and does the optimizer's arithmetic. `hptc.frontend.trace` records all
of it as ATen operations; `hptc.frontend.lower` turns the record into a graph.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.fx.traceback as fx_traceback
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.fx import GraphModule
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from hptc.errors import ModelError
from hptc.frontend import lowrank
from hptc.frontend.accumulate import Pass, combined, micro_batches, step_batch
from hptc.frontend.cuts import refuse_cuts
from hptc.frontend.dtypes import dtype_of
from hptc.frontend.interpret import OriginInterpreter, Origins
from hptc.frontend.loss_output import loss_output
from hptc.frontend.optimize import optimize, optimizer_state
from hptc.frontend.provenance import SOURCE, STAGE
from hptc.frontend.random import Draws
from hptc.frontend.recipe import Recipe
from hptc.frontend.torch import Model
from hptc.frontend.trace import trace
from hptc.ir.adapter import Adapter, parts_of
from hptc.ir.graph import Phase, ValueKind
from hptc.ir.names import LR, RANDOM_STATE, STEP, TARGET, batch_name

NO_OUTPUT = ("grad/", "new/")
"""How the labels of results begin that are no outputs of the step."""


@dataclass(frozen=True)
class StepPlan:
    """What one phase trains and how."""

    phase: Phase
    trained: tuple[str, ...]
    """Model parameters trained as they are."""
    recipe: Recipe
    adapters: tuple[Adapter, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """Named tensors that enter a step, with the kind of each."""

    tensors: Mapping[str, Tensor]
    kinds: Mapping[str, ValueKind]


@dataclass(frozen=True)
class Traced:
    """The record of one step; the module's inputs and outputs are in the order of the names."""

    module: GraphModule
    inputs: Inputs
    outputs: tuple[str, ...]
    """`output`, `loss`, `grad/NAME`, `new/STATE`; in `infer` every output by its name too."""


@dataclass
class _Record:
    """Outputs of the step function while it is traced."""

    tensors: dict[str, Tensor] = field(default_factory=dict)


def trace_step(model: Model, plan: StepPlan) -> Traced:
    """Trace the step of a phase.

    Raises ModelError if the loss depends on nothing trained or torch cannot run the step, and
    UnsupportedOpError for element types that graphs do not have.
    """
    inputs = step_inputs(model, plan)
    for name, tensor in inputs.tensors.items():
        dtype_of(tensor, name)
    names = tuple(inputs.tensors)
    outputs: list[str] = []
    draws = None if plan.phase is Phase.INFER else Draws()

    def step(*tensors: Tensor) -> tuple[Tensor, ...]:
        record, given = _Record(), dict(zip(names, tensors, strict=True))
        if draws is not None:
            draws.state = given[RANDOM_STATE]
        _run(model, plan, given, record)
        if draws is not None and draws.count:
            record.tensors[f"new/{RANDOM_STATE}"] = _next_state(given[RANDOM_STATE])
        outputs[:] = record.tensors
        return tuple(record.tensors.values())

    module = trace(step, tuple(inputs.tensors.values()), plan.phase, draws)
    if draws is not None and not draws.count:
        inputs = _without_random_state(module, inputs)
    return Traced(module, inputs, tuple(outputs))


def _next_state(state: Tensor) -> Tensor:
    with fx_traceback.annotate({SOURCE: "random"}):
        return state + 1


def _without_random_state(module: GraphModule, inputs: Inputs) -> Inputs:
    """Drop the input that nothing was drawn from."""
    names = [name for name in inputs.tensors if name != RANDOM_STATE]
    placeholders = module.graph.find_nodes(op="placeholder")
    module.graph.erase_node(placeholders[list(inputs.tensors).index(RANDOM_STATE)])
    return Inputs({n: inputs.tensors[n] for n in names}, {n: inputs.kinds[n] for n in names})


def step_inputs(model: Model, plan: StepPlan) -> Inputs:
    """Return the tensors a step reads: model state, adapter factors, moments, rates, batch."""
    found: dict[str, tuple[Tensor, ValueKind]] = {}
    for name, tensor in model.parameters.items():
        found[name] = (tensor.detach(), ValueKind.PARAMETER)
    for name, tensor in model.buffers.items():
        found[name] = (tensor.detach(), ValueKind.BUFFER)
    for name, tensor in part_inputs(plan.adapters).items():
        found[name] = (tensor, ValueKind.PARAMETER)
    for name, tensor in _step_batch(model, plan).items():
        found[name] = (tensor, ValueKind.BATCH)
    if plan.phase is not Phase.INFER:
        for parameter in _trained_names(plan):
            state = optimizer_state(plan.recipe.optimizer, parameter, found[parameter][0])
            found |= {name: (zeros, ValueKind.STATE) for name, zeros in state.items()}
        found[RANDOM_STATE] = (torch.tensor(0), ValueKind.RANDOM)
        found[LR] = (torch.tensor(1e-3), ValueKind.HYPER)
        found[STEP] = (torch.tensor(1.0), ValueKind.HYPER)
    return Inputs(
        {name: tensor for name, (tensor, _) in found.items()},
        {name: kind for name, (_, kind) in found.items()},
    )


def part_inputs(adapters: Sequence[Adapter]) -> dict[str, Tensor]:
    """Return the parts of adapters by name: fake tensors, as one may be too big to exist here."""
    mode = FakeTensorMode(
        allow_fallback_kernels=True,
        allow_non_fake_inputs=True,
        shape_env=ShapeEnv(),
        static_shapes=True,
    )
    with mode:
        return {
            part.name: torch.empty(part.shape, dtype=getattr(torch, part.dtype.value))
            for part in parts_of(adapters)
        }


def _trained_names(plan: StepPlan) -> tuple[str, ...]:
    return plan.trained + tuple(name for adapter in plan.adapters for name in adapter.trained)


def _step_batch(model: Model, plan: StepPlan) -> dict[str, Tensor]:
    inputs = {batch_name(index): tensor for index, tensor in enumerate(model.inputs)}
    if plan.phase is Phase.INFER:
        return inputs
    target = plan.recipe.loss.example_target(loss_output(model, plan.recipe.output))
    return step_batch({**inputs, TARGET: target}, plan.recipe.accumulate)


def _run(model: Model, plan: StepPlan, given: dict[str, Tensor], record: _Record) -> None:
    """Run one step on (fake) tensors and record its outputs."""
    if plan.phase is Phase.INFER:
        with torch.no_grad():
            outputs, _ = _forward(model, plan, given, Origins())
        record.tensors["output"] = outputs[plan.recipe.output].detach()
        for index, name in enumerate(model.output_names):
            label = _output_label(name, index, plan.recipe.output)
            record.tensors.setdefault(label, outputs[index].detach())
        return
    leaves = {name: given[name].detach().requires_grad_() for name in _trained_names(plan)}
    passes: list[Pass] = []
    held = {**given, **leaves}
    batch = {name: given[name] for name in (*map(batch_name, range(len(model.inputs))), TARGET)}
    for part in micro_batches(batch, plan.recipe.accumulate):
        passes.append(_pass(model, plan, {**held, **part}, leaves))
        held |= passes[-1].buffers
    whole = combined(passes)
    record.tensors["output"] = whole.output
    record.tensors |= {f"new/{name}": tensor for name, tensor in whole.buffers.items()}
    record.tensors["loss"] = whole.loss
    record.tensors |= {f"grad/{name}": gradient for name, gradient in whole.gradients.items()}
    updates = optimize(plan.recipe, given, whole.gradients)
    record.tensors |= {f"new/{name}": tensor for name, tensor in updates.items()}


def _pass(
    model: Model, plan: StepPlan, given: Mapping[str, Tensor], leaves: Mapping[str, Tensor]
) -> Pass:
    origins, count = Origins(), plan.recipe.accumulate
    outputs, buffers = _forward(model, plan, given, origins)
    output = outputs[plan.recipe.output]
    with fx_traceback.annotate({SOURCE: "loss"}):
        loss = plan.recipe.loss(output, given[TARGET])
        loss = loss if count == 1 else loss / count
    origins.mark(loss, "loss")
    kept = {name: tensor.detach() for name, tensor in buffers.items()}
    return Pass(output.detach(), loss.detach(), kept, _gradients(loss, leaves))


def _output_label(name: str, index: int, chosen: int) -> str:
    """Return the name of a model's output in the graph; those with a meaning there are avoided."""
    if index == chosen and name == "output":
        return name
    is_taken = name in ("", "loss", "output") or name.startswith(NO_OUTPUT)
    return f"output_{index}" if is_taken else name


def _forward(
    model: Model, plan: StepPlan, given: Mapping[str, Tensor], origins: Origins
) -> tuple[Sequence[Tensor], dict[str, Tensor]]:
    arguments = _program_arguments(model, plan, given, origins)
    evaluating = plan.phase is Phase.INFER
    results = OriginInterpreter(model.program.graph_module, evaluating, origins).run(*arguments)
    signature = model.program.graph_signature
    mutated = dict(signature.buffers_to_mutate)
    count = len(results) - len(model.output_names)
    buffers = {
        mutated[spec.arg.name]: value
        for spec, value in zip(signature.output_specs[:count], results[:count], strict=True)
    }
    return results[count:], buffers


def _program_arguments(
    model: Model, plan: StepPlan, given: Mapping[str, Tensor], origins: Origins
) -> Iterable[Tensor | lowrank.LowRankWeight]:
    adapters = {adapter.weight: adapter for adapter in plan.adapters}
    batch = 0
    for spec in model.program.graph_signature.input_specs:
        if spec.kind.name == "USER_INPUT":
            yield given[batch_name(batch)]
            batch += 1
            continue
        name = model.canonical.get(str(spec.target), str(spec.target))
        if name in adapters:
            source = f"adapter/{name}"
            with fx_traceback.annotate({SOURCE: source}):
                weight = lowrank.reparametrised(given[name], adapters[name], given)
            origins.mark(weight, source)
            yield weight
        else:
            yield given[name]


def _gradients(loss: Tensor, leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not loss.requires_grad:
        raise ModelError(
            "training step",
            expected="a loss that depends on a trained parameter",
            found="none that does" if leaves else "no trained parameter at all",
            hint="Choose another --output, or name parameters to train with --train REGEX.",
        )
    refuse_cuts(loss, leaves)
    with fx_traceback.annotate({STAGE: "backward", SOURCE: "loss"}):
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return {name: g for name, g in zip(leaves, found, strict=True) if g is not None}
