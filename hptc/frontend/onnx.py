"""ONNX models in: a torch module whose parameters carry the names of the initializers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import onnx
import torch

from hptc.frontend.onnx_body import hoist_initializers
from hptc.frontend.onnx_dimensions import Input, bind_inputs, check_dimensions, fix_inputs
from hptc.frontend.onnx_evaluate import evaluate
from hptc.frontend.onnx_file import StoredModel
from hptc.frontend.onnx_findings import check_finite, import_warnings, refuse_sequences
from hptc.frontend.onnx_functions import inline_functions
from hptc.frontend.onnx_graph import Graph, read_graph
from hptc.frontend.onnx_inputs import draft_inputs, index_ranges, sample_inputs
from hptc.frontend.onnx_module import OnnxModule
from hptc.frontend.onnx_opaque import title_of
from hptc.frontend.onnx_ops.values import Value
from hptc.frontend.onnx_parameters import Choice, choose_trained, overrule
from hptc.frontend.onnx_read import check_model, check_ops, check_trainable, unruled
from hptc.frontend.onnx_restore import folded_from, restore_weights, transposed_weights
from hptc.frontend.onnx_steps import Evaluation, Weights

_NO_DIMENSIONS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Guess:
    """A decision on an initializer that its use alone did not settle."""

    name: str
    trained: bool
    reason: str


@dataclass(frozen=True)
class Given:
    """What a caller knows about the inputs of a model."""

    fixed: Mapping[str, Value] = field(default_factory=dict)
    """Inputs that are to be constants of the module, e.g. a shape; any may be a sequence."""
    examples: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """Used instead of seeded inputs; their shapes replace those in the file."""
    strict: bool = False
    """The model is to be run on these inputs, not trained: no weight is, every shape is known at
    import, and each result is that of the standard."""


@dataclass(frozen=True)
class ImportedModel:
    """A model read from ONNX, ready to be captured."""

    module: torch.nn.Module
    """`forward` takes the inputs and returns a tuple of the outputs, both in graph order."""
    example_inputs: tuple[torch.Tensor, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    guesses: tuple[Guess, ...]
    opaque: tuple[str, ...]
    """Types of the operations that torch does not compute."""
    warnings: tuple[str, ...]


def from_stored(
    stored: StoredModel,
    where: str,
    dimensions: Mapping[str, int] = _NO_DIMENSIONS,
    train: str | None = None,
    frozen: str | None = None,
) -> ImportedModel:
    """Import a model as `hptc.frontend.onnx_file` read it; see `from_model_proto`."""
    return from_model_proto(
        stored.proto,
        where=where,
        dimensions=dimensions,
        train=train,
        frozen=frozen,
        weights=stored.weights,
    )


def from_model_proto(  # noqa: PLR0913  (what a file and its importer may say)
    model: onnx.ModelProto,
    *,
    where: str,
    dimensions: Mapping[str, int] = _NO_DIMENSIONS,
    train: str | None = None,
    frozen: str | None = None,
    given: Given | None = None,
    weights: Mapping[str, torch.Tensor] = MappingProxyType({}),
) -> ImportedModel:
    """Import a model in memory.

    Args:
        model: The model.
        where: How messages name it.
        dimensions: A value for each dynamic dimension.
        train: Regular expression; the initializers it is found in are trained.
        frozen: Regular expression; the initializers it is found in are not.
        given: Values for the inputs, for callers that know them.
        weights: Initializers stored outside; the model declares them as inputs.

    Raises:
        ModelError: The model is malformed, or needs what hptc does not have.
        UsageError: A dimension or pattern fits nothing in the model.
    """
    graph = parse_model(model, where, weights)
    for_training = given is None
    if given is None:
        check_trainable(graph, where)
        given = Given()
    graph = fix_inputs(graph, given.fixed)
    check_dimensions(graph, dimensions, where)
    inputs = bind_inputs(graph, dimensions, given.examples, where)
    choices = _choices(graph, train, frozen, strict=given.strict)
    sorted_weights = _sort_weights(graph, choices, given)
    evaluation, examples = _evaluate_on_examples(graph, sorted_weights, inputs, given, where)
    if for_training:
        refuse_sequences(evaluation, where)
    module = OnnxModule(
        evaluation,
        _stored(evaluation, sorted_weights, choices),
        tuple(item.name for item in inputs),
    )
    used = dict(module.named_parameters())
    check_finite(used, where)
    guesses = [(name, choice) for name, choice in choices.items() if not choice.certain]
    return ImportedModel(
        module=module,
        example_inputs=tuple(examples[item.name] for item in inputs),
        input_names=tuple(item.name for item in inputs),
        output_names=graph.outputs,
        guesses=tuple(Guess(name, choice.trained, choice.reason) for name, choice in guesses),
        opaque=evaluation.opaque,
        warnings=import_warnings(evaluation, sorted_weights, used, folded_from(model.graph)),
    )


def parse_model(
    model: onnx.ModelProto, where: str, weights: Mapping[str, torch.Tensor] = MappingProxyType({})
) -> Graph:
    """Return the checked graph of a model, functions inlined; see `from_model_proto`."""
    opsets = check_model(model, where)
    model = inline_functions(model, where)
    graph = read_graph(model.graph, opsets, where, weights)
    graph = restore_weights(graph, transposed_weights(model.graph, graph.initializers))
    graph = hoist_initializers(graph)
    check_ops(graph, where)
    return graph


def opaque_titles(graph: Graph) -> tuple[str, ...]:
    """Return the types of the operations that have no rule, each once."""
    return tuple(dict.fromkeys(title_of(node) for node in unruled(graph)))


def _choices(
    graph: Graph, train: str | None, frozen: str | None, *, strict: bool
) -> dict[str, Choice]:
    """Return for each initializer that could be trained whether it is."""
    found = choose_trained(graph)
    integers = graph.initializers.keys() - found.keys()
    found = overrule(found, train, integers, trained=True)
    found = overrule(found, frozen, integers, trained=False)
    if strict:
        return {name: replace(choice, trained=False) for name, choice in found.items()}
    return found


def _sort_weights(graph: Graph, choices: Mapping[str, Choice], given: Given) -> Weights:
    trained: dict[str, torch.Tensor] = {}
    kept: dict[str, torch.Tensor] = {}
    constant: dict[str, Value] = dict(given.fixed)
    for name, value in graph.initializers.items():
        choice = choices.get(name)
        if choice is None or (value.numel() <= 1 and not choice.trained):
            constant[name] = value
        elif choice.trained:
            trained[name] = value
        else:
            kept[name] = value
    return Weights(trained, kept, constant)


def _evaluate_on_examples(
    graph: Graph, weights: Weights, inputs: tuple[Input, ...], given: Given, where: str
) -> tuple[Evaluation, dict[str, torch.Tensor]]:
    """Evaluate on zeros as integers, always valid; then draw them from the ranges that showed."""
    drafts = {**draft_inputs(inputs), **given.examples}
    evaluation = evaluate(graph, weights, drafts, where, strict=given.strict)
    sampled = sample_inputs(inputs, index_ranges(evaluation, inputs))
    return evaluation, {**sampled, **given.examples}


def _stored(
    evaluation: Evaluation, weights: Weights, choices: Mapping[str, Choice]
) -> dict[str, torch.Tensor]:
    """Return the weights that the steps read.

    Those that are no weight by nature, e.g. a running mean or an adjacency matrix, are buffers;
    those that the user froze stay parameters.
    """
    read = {name for step in evaluation.steps for name in step.reads}
    read.update(evaluation.outputs)
    stored: dict[str, torch.Tensor] = {
        name: torch.nn.Parameter(value) for name, value in weights.trained.items() if name in read
    }
    for name, value in weights.kept.items():
        if name in read:
            named = choices[name].named
            stored[name] = torch.nn.Parameter(value, requires_grad=False) if named else value
    return stored
