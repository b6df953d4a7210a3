"""From an exported model to the traced training step of one phase.

The step is an ordinary Python function of named tensors: it interprets the exported program, asks
autograd for the gradients, and does the optimizer's arithmetic. `hptc.frontend.trace` records all
of it as ATen operations; `hptc.frontend.lower` turns the record into a graph.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.fx.traceback as fx_traceback
from torch import Tensor
from torch.fx import GraphModule

from hptc.errors import ModelError
from hptc.frontend import lowrank
from hptc.frontend.accumulate import Pass, combined, micro_batches
from hptc.frontend.cuts import refuse_cuts
from hptc.frontend.dtypes import dtype_of
from hptc.frontend.interpret import OriginInterpreter, Origins
from hptc.frontend.optimize import optimize
from hptc.frontend.provenance import SOURCE, STAGE
from hptc.frontend.random import Draws
from hptc.frontend.step_inputs import Inputs, StepPlan, step_inputs, trained_names
from hptc.frontend.torch import Model
from hptc.frontend.trace import trace
from hptc.ir.graph import Phase
from hptc.ir.names import RANDOM_STATE, TARGET, batch_name

NO_OUTPUT = ("grad/", "new/")
"""How the labels of results begin that are no outputs of the step."""


@dataclass(frozen=True)
class Traced:
    """The record of one step; the module's inputs and outputs are in the order of the names."""

    module: GraphModule
    inputs: Inputs
    outputs: tuple[str, ...]
    """`output`, `loss`, `grad/NAME`, `new/STATE`; in `infer` every output by its name too."""


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
        given = dict(zip(names, tensors, strict=True))
        if draws is not None:
            draws.state = given[RANDOM_STATE]
        found = _run(model, plan, given)
        if draws is not None and draws.count:
            found[f"new/{RANDOM_STATE}"] = _next_state(given[RANDOM_STATE])
        outputs[:] = found
        return tuple(found.values())

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


def _run(model: Model, plan: StepPlan, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Run one step on (fake) tensors and return its outputs."""
    return _infer(model, plan, given) if plan.phase is Phase.INFER else _train(model, plan, given)


def _infer(model: Model, plan: StepPlan, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    with torch.no_grad():
        outputs, _ = _forward(model, plan, given, Origins())
    chosen = plan.recipe.output
    found = {"output": outputs[chosen].detach()}
    for index, name in enumerate(model.output_names):
        found.setdefault(_output_label(name, index, chosen), outputs[index].detach())
    return found


def _train(model: Model, plan: StepPlan, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    leaves = {name: given[name].detach().requires_grad_() for name in trained_names(plan)}
    passes: list[Pass] = []
    held = {**given, **leaves}
    batch = {name: given[name] for name in (*map(batch_name, range(len(model.inputs))), TARGET)}
    for part in micro_batches(batch, plan.recipe.accumulate):
        passes.append(_pass(model, plan, {**held, **part}, leaves))
        held |= passes[-1].buffers
    whole = combined(passes)
    updates = optimize(plan.recipe, given, whole.gradients)
    return {
        "output": whole.output,
        **{f"new/{name}": tensor for name, tensor in whole.buffers.items()},
        "loss": whole.loss,
        **{f"grad/{name}": gradient for name, gradient in whole.gradients.items()},
        **{f"new/{name}": tensor for name, tensor in updates.items()},
    }


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
