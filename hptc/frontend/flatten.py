"""An exported program of any signature, as one from a tuple of tensors to a tuple of tensors.

Names take the place of the structure: nothing that reads the program later, a bundle's reader
included, needs the classes of its containers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

ExampleInputs = Sequence[object] | Mapping[str, object]
"""Positional or named arguments: tensors, containers of them, and constants."""


def call_arguments(inputs: ExampleInputs) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return example inputs as positional and named arguments."""
    return ((), dict(inputs)) if isinstance(inputs, Mapping) else (tuple(inputs), {})


def input_leaves(program: ExportedProgram, inputs: ExampleInputs | None) -> tuple[object, ...]:
    """Return what the given arguments (by default those of the program) hold, in its order."""
    if inputs is not None:
        args, named = call_arguments(inputs)
    else:
        args, named = program.example_inputs or ((), {})
    ordered = {name: named[name] for name in _keywords(program) if name in named}
    return tuple(pytree.tree_leaves((args, {**ordered, **named})))


def _keywords(program: ExportedProgram) -> tuple[str, ...]:
    spec = program.call_spec.in_spec
    if spec is None:
        return ()
    _, named = pytree.tree_unflatten(range(spec.num_leaves), spec)
    return tuple(named)


def output_labels(program: ExportedProgram) -> list[str]:
    """Return a name for each output, from where it stands in what the model returns.

    The keys on the way, joined by dots: `logits`, `states.0`; `output_1` in a tuple; a lone tensor
    is `output`.
    """
    spec = program.call_spec.out_spec
    if spec is None:
        return []
    numbered = pytree.tree_unflatten(range(spec.num_leaves), spec)
    return [_label(path) for path, _ in pytree.tree_flatten_with_path(numbered)[0]]


def _label(path: Sequence[object]) -> str:
    keys = [_key(step) for step in path] or ["output"]
    first = f"output_{keys[0]}" if isinstance(keys[0], int) else keys[0]
    return ".".join(map(str, (first, *keys[1:])))


def _key(step: object) -> int | str:
    match step:
        case pytree.SequenceKey():
            return int(step.idx)
        case pytree.MappingKey():
            return str(step.key)
        case _:
            return str(getattr(step, "name", step))


def flattened(program: ExportedProgram) -> tuple[ExportedProgram, tuple[int, ...]]:
    """Return the program between flat tuples of tensors, constants left out.

    Args:
        program: A functional program; it is changed, what it shares with others is not.

    Returns:
        The program, and the positions of its outputs among those it had.
    """
    signature, graph = program.graph_signature, program.graph
    inputs = [spec for spec in signature.input_specs if not _is_constant(spec)]
    placeholders = zip(graph.find_nodes(op="placeholder"), signature.input_specs, strict=True)
    for node in [node for node, spec in placeholders if _is_constant(spec)]:
        graph.erase_node(node)
    kept = [i for i, spec in enumerate(signature.output_specs) if not _is_constant(spec)]
    outputs = [signature.output_specs[i] for i in kept]
    result = graph.output_node()
    result.args = (tuple(result.args[0][i] for i in kept),)
    signature.input_specs, signature.output_specs = inputs, outputs
    given = [spec.arg for spec in inputs if spec.kind.name == "USER_INPUT"]
    returned = [spec.arg for spec in outputs if spec.kind.name == "USER_OUTPUT"]
    root = program.module_call_graph[0]
    call = torch.export.ModuleCallSignature(
        inputs=given,
        outputs=returned,
        in_spec=pytree.tree_structure((tuple(given), {})),
        out_spec=pytree.tree_structure(tuple(returned)),
    )
    program._module_call_graph = [replace(root, signature=call)]
    program.example_inputs = None
    program.graph_module.recompile()
    mutated = len(signature.output_specs) - len(returned)
    return program, tuple(i - mutated for i in kept[mutated:])


def _is_constant(spec: object) -> bool:
    return type(getattr(spec, "arg", None)).__name__ == "ConstantArgument"


def tensors_only(leaves: Sequence[object]) -> tuple[Tensor, ...]:
    """Return the tensors among leaves; the rest was compiled into the program."""
    return tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))
