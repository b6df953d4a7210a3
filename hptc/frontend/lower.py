"""From a traced step to a graph: every FX node becomes an operation or disappears."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from hptc.errors import UnsupportedOpError
from hptc.frontend.dtypes import DTYPES, dtype_of
from hptc.frontend.interpret import node_source
from hptc.frontend.provenance import STAGE
from hptc.frontend.training import NO_OUTPUT, Traced
from hptc.ir.families import family
from hptc.ir.graph import (
    Arg,
    DTypeArg,
    Graph,
    Named,
    Op,
    Phase,
    Ref,
    Role,
    Update,
    Value,
    ValueKind,
)

aten = torch.ops.aten

# The frontend's stages; the pass `assign-roles` tells weight gradients from input gradients.
_ROLES = {"backward": Role.INPUT_GRADIENT, "optimizer": Role.OPTIMIZER}
_ALIASES = frozenset(
    {aten.detach.default, aten.alias.default, aten.lift_fresh_copy.default, aten.lift_fresh.default}
)
# Strides on fake tensors can differ from real ones; a reshape is right for both.
_RESHAPES = frozenset({aten.view.default, aten._unsafe_view.default})
_ASSERTIONS = frozenset(
    {
        aten._assert_tensor_metadata.default,
        aten._assert_async.msg,
        aten.sym_constrain_range_for_size.default,
    }
)
# Placement is hptc's own business, and strides are the runtime's.
_DROPPED_KWARGS = frozenset({"device", "layout", "pin_memory", "memory_format", "non_blocking"})


@dataclass(frozen=True)
class Lowered:
    """A graph, and the data of the constants met in the trace."""

    graph: Graph
    constants: Mapping[str, Tensor]


@dataclass
class _Builder:
    """What has been translated so far."""

    module: GraphModule
    phase: Phase
    taken: frozenset[str]
    """Names of the step's inputs."""
    names: dict[Node, str | tuple[str, ...]] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    computed: list[Value] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    constants: dict[str, Tensor] = field(default_factory=dict)


def lower(traced: Traced, phase: Phase) -> Lowered:
    """Return the graph of a traced step; raises UnsupportedOpError naming what has no form."""
    build = _Builder(traced.module, phase, frozenset(traced.inputs.tensors))
    placeholders = [node for node in traced.module.graph.nodes if node.op == "placeholder"]
    for node, (name, tensor) in zip(placeholders, traced.inputs.tensors.items(), strict=True):
        build.names[node] = name
        build.values.append(_value(name, tensor, traced.inputs.kinds[name]))
    for node in traced.module.graph.nodes:
        _translate(build, node)
    results = _results(build, traced)
    graph = Graph(
        phase=phase,
        values=(*build.values, *build.computed),
        ops=tuple(build.ops),
        outputs=tuple(Named(k, v) for k, v in results.items() if not k.startswith(NO_OUTPUT)),
        updates=_updates(results),
        gradients=tuple(
            Named(k.removeprefix("grad/"), v) for k, v in results.items() if k.startswith("grad/")
        ),
    )
    return Lowered(graph, build.constants)


def _results(build: _Builder, traced: Traced) -> dict[str, str]:
    output = next(node for node in traced.module.graph.nodes if node.op == "output")
    found = {}
    for label, node in zip(traced.outputs, output.args[0], strict=True):
        name = build.names[node]
        if not isinstance(name, str):
            raise UnsupportedOpError(label, expected="one tensor", found="several")
        found[label] = name
    return found


def _updates(results: Mapping[str, str]) -> tuple[Update, ...]:
    labels = (label for label in results if label.startswith("new/"))
    pairs = ((label.removeprefix("new/"), results[label]) for label in labels)
    return tuple(Update(state, new) for state, new in pairs if state != new)


def _translate(build: _Builder, node: Node) -> None:
    if node.op == "get_attr":
        _constant(build, node)
    if node.op != "call_function" or node.target in _ASSERTIONS:
        return
    if node.target is operator.getitem:
        source, index = node.args
        build.names[node] = build.names[source][index]  # type: ignore[index]
    elif node.target in _ALIASES or _is_plain_copy(node):
        build.names[node] = build.names[node.args[0]]  # type: ignore[index]
    else:
        _operation(build, node)


def _is_plain_copy(node: Node) -> bool:
    """Tell whether a node clones its operand as it lies in memory: no work where nothing writes."""
    if node.target is not aten.clone.default:
        return False
    source = node.args[0]
    values = [item.meta["val"] for item in (source, node) if isinstance(item, Node)]
    return len({value.stride() for value in values}) == 1


def _constant(build: _Builder, node: Node) -> None:
    tensor = getattr(build.module, str(node.target))
    name = f"const/{build.phase.value}/{node.target}"
    build.names[node] = name
    if name not in build.constants:
        build.constants[name] = tensor
        build.values.append(_value(name, tensor, ValueKind.CONSTANT))


def _operation(build: _Builder, node: Node) -> None:
    result = node.meta.get("val")
    several = isinstance(result, list | tuple)
    tensors = list(result or ()) if several else [result]
    names = (f"{node.name}.{i}" if several else node.name for i in range(len(tensors)))
    outputs = tuple(_free_name(build, name) for name in names)
    _refuse_random(node)
    _refuse_unknown(node)
    for name, tensor in zip(outputs, tensors, strict=True):
        if isinstance(tensor, Tensor):
            build.computed.append(_value(name, tensor, ValueKind.COMPUTED, _place(node)))
    custom = node.meta.get("custom") or {}
    build.ops.append(
        Op(
            name=node.name,
            kind=str(aten.reshape.default if node.target in _RESHAPES else node.target),
            args=tuple(_argument(build, arg, node) for arg in node.args),
            kwargs=tuple(
                (key, _argument(build, arg, node))
                for key, arg in node.kwargs.items()
                if key not in _DROPPED_KWARGS
            ),
            outputs=tuple(
                name for name, t in zip(outputs, tensors, strict=True) if isinstance(t, Tensor)
            ),
            role=_ROLES.get(str(custom.get(STAGE)), Role.FORWARD),
            source=node_source(node),
        )
    )
    build.names[node] = outputs if several else outputs[0]


def _free_name(build: _Builder, name: str) -> str:
    """Return the name, extended where an input of the step, e.g. a parameter `mul`, has it."""
    while name in build.taken:
        name += ".op"
    return name


def _place(node: Node) -> str:
    return f"{node_source(node) or node.name} ({node.target})"


def _refuse_unknown(node: Node) -> None:
    try:
        family(str(node.target))
    except UnsupportedOpError as error:
        raise UnsupportedOpError(
            _place(node), expected=error.expected, found=error.found, hint=error.hint
        ) from None


def _refuse_random(node: Node) -> None:
    tags = getattr(node.target, "tags", ())
    if torch.Tag.nondeterministic_seeded in tags:
        raise UnsupportedOpError(
            _place(node),
            expected="random numbers of a kind that a step can draw, and none in the phase infer",
            found="others",
            hint="Put the model in evaluation mode (model.eval()), or leave out the phase infer.",
        )


def _argument(build: _Builder, arg: object, node: Node) -> Arg:
    if isinstance(arg, Node):
        name = build.names[arg]
        return Ref(name) if isinstance(name, str) else tuple(Ref(item) for item in name)
    if isinstance(arg, list | tuple):
        return tuple(_argument(build, item, node) for item in arg)
    if isinstance(arg, torch.dtype) and arg in DTYPES:
        return DTypeArg(DTYPES[arg])
    if arg is None or isinstance(arg, bool | int | float | str):
        return arg
    raise UnsupportedOpError(
        _place(node),
        expected="tensors, numbers, strings or element types as arguments",
        found=f"{arg!r}",
        hint="Data-dependent shapes and exotic element types have no form in a step graph.",
    )


def _value(name: str, tensor: Tensor, kind: ValueKind, where: str = "") -> Value:
    shape = tuple(int(extent) for extent in tensor.shape)
    return Value(name, shape, dtype_of(tensor, where or name), kind)
