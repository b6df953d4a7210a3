"""Questions about an exported program's data flow: which weights feed which contractions.

Works on the graph of `torch.export`, before decomposition, where a linear layer is one node.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.export import ExportedProgram
from torch.fx import Node

aten = torch.ops.aten

LINEAR = frozenset({aten.linear.default})
MATMUL = frozenset({aten.matmul.default, aten.mm.default, aten.bmm.default})
ADDMM = frozenset({aten.addmm.default})
CONVOLUTION = frozenset(
    {
        aten.conv1d.default,
        aten.conv2d.default,
        aten.conv3d.default,
        aten.conv1d.padding,
        aten.conv2d.padding,
        aten.conv3d.padding,
        aten.convolution.default,
    }
)
LOOK_UP = frozenset({aten.embedding.default})
EINSUM = frozenset({aten.einsum.default})
CONTRACTIONS = LINEAR | MATMUL | ADDMM | CONVOLUTION | EINSUM
SOFTMAX = frozenset({aten.softmax.int, aten._softmax.default})
FUSED_ATTENTION = frozenset({aten.scaled_dot_product_attention.default})
SWAPS = frozenset({aten.t.default, aten.numpy_T.default})
PASS_THROUGH = frozenset(
    {aten.alias.default, aten.detach.default, aten.contiguous.default, aten.clone.default}
)


@dataclass(frozen=True, slots=True)
class WeightUse:
    """A parameter as the weight of a contraction."""

    parameter: str
    """Canonical name."""
    node: Node
    transposed: bool
    """Whether the stored matrix is [out, in] as this contraction sees it."""
    groups: int = 1


def parameter_nodes(program: ExportedProgram, canonical: dict[str, str]) -> dict[Node, str]:
    """Return the placeholder of each parameter with its canonical name."""
    by_input = {
        spec.arg.name: canonical[spec.target]
        for spec in program.graph_signature.input_specs
        if spec.kind.name == "PARAMETER" and spec.target is not None
    }
    return {
        node: by_input[node.name]
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in by_input
    }


def weight_uses(program: ExportedProgram, canonical: dict[str, str]) -> tuple[WeightUse, ...]:
    """Return every contraction of a parameter with data, in graph order."""
    parameters = parameter_nodes(program, canonical)
    data = _data_nodes(program)
    uses = (_weight_use(node, parameters) for node in program.graph.nodes if node in data)
    return tuple(use for use in uses if use is not None)


def _data_nodes(program: ExportedProgram) -> set[Node]:
    """Return the nodes that depend on an input of the model."""
    inputs = set(program.graph_signature.user_inputs)
    found: set[Node] = set()
    for node in program.graph.nodes:
        is_input = node.op == "placeholder" and node.name in inputs
        if is_input or any(source in found for source in node.all_input_nodes):
            found.add(node)
    return found


def attention_weights(program: ExportedProgram, uses: Sequence[WeightUse]) -> tuple[str, ...]:
    """Return the weights of the query and value projections, found through softmax(QK^T)V.

    A fused QKV projection is found as the weight of both.
    """
    by_node = {use.node: use.parameter for use in uses}
    mixing = {
        node for node in _data_nodes(program) if node.target in CONTRACTIONS and node not in by_node
    }
    operands = [operand for node in program.graph.nodes for operand in _query_value(node, mixing)]
    found = [
        by_node[source]
        for operand in operands
        for source in _first_upstream(operand, lambda node: node in by_node)
    ]
    return tuple(dict.fromkeys(found))


def _query_value(node: Node, mixing: set[Node]) -> Iterator[Node]:
    """Yield query and value of a softmax; `mixing` are the contractions of data with data."""
    if node.target in FUSED_ATTENTION:
        yield _node(node.args[0])
        yield _node(node.args[2])
    if node.target not in SOFTMAX:
        return
    all_scores = _first_upstream(_node(node.args[0]), mixing.__contains__)
    if not all_scores:  # e.g. an adjacency matrix of node embeddings
        return
    for scores in all_scores:
        yield _operands(scores)[0]
    for context, probabilities in _first_downstream(node, mixing.__contains__):
        yield from (item for item in _operands(context) if item is not probabilities)


def _weight_use(node: Node, parameters: dict[Node, str]) -> WeightUse | None:
    for targets, find in _FINDERS:
        if node.target in targets:
            return find(node, parameters)
    return None


def _convolution_use(node: Node, parameters: dict[Node, str]) -> WeightUse | None:
    name, _ = _stored_parameter(_node(node.args[1]), parameters)
    options = _convolution_options(node)
    if name is None or options.get("transposed", False):
        return None
    return WeightUse(name, node, True, int(str(options.get("groups", 1))))


def _linear_use(node: Node, parameters: dict[Node, str]) -> WeightUse | None:
    name, swapped = _stored_parameter(_node(node.args[1]), parameters)
    return None if name is None else WeightUse(name, node, not swapped)


def _product_use(node: Node, parameters: dict[Node, str]) -> WeightUse | None:
    left, right = _operands(node)
    name, swapped = _stored_parameter(right, parameters)
    if name is not None:
        return WeightUse(name, node, swapped)
    name, swapped = _stored_parameter(left, parameters)
    return None if name is None else WeightUse(name, node, not swapped)


def _einsum_use(node: Node, parameters: dict[Node, str]) -> WeightUse | None:
    names = (_stored_parameter(operand, parameters)[0] for operand in _operands(node))
    return next((WeightUse(name, node, False) for name in names if name is not None), None)


_FINDERS = (
    (CONVOLUTION, _convolution_use),
    (LINEAR, _linear_use),
    (MATMUL | ADDMM, _product_use),
    (EINSUM, _einsum_use),
)


def _stored_parameter(node: Node, parameters: dict[Node, str]) -> tuple[str | None, bool]:
    """Follow views of a parameter back; also tell whether they swap its last two axes."""
    swapped = False
    while node not in parameters:
        if node.op != "call_function" or not node.args:
            return None, False
        if is_swap(node.target, node.args, _rank(node)):
            swapped = not swapped
        elif node.target not in PASS_THROUGH:
            return None, False
        node = _node(node.args[0])
    return parameters[node], swapped


def is_swap(target: object, args: Sequence[object], rank: int) -> bool:
    """Tell whether a call exchanges the two axes of a matrix and does nothing else."""
    if target in SWAPS:
        return True
    if rank != 2:  # noqa: PLR2004  (a matrix has two axes)
        return False
    if target is aten.transpose.int:
        return {int(str(axis)) % 2 for axis in args[1:3]} == {0, 1}
    if target is aten.permute.default and isinstance(args[1], list | tuple):
        return [axis % 2 for axis in args[1]] == [1, 0]
    return False


def _first_upstream(start: Node, wanted: Callable[[Node], bool]) -> list[Node]:
    """Return the nearest nodes at or above `start` that are wanted, one per path."""
    found, stack, seen = [], [start], {start}
    while stack:
        node = stack.pop()
        if wanted(node):
            found.append(node)
            continue
        fresh = [item for item in node.all_input_nodes if item not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return found


def _first_downstream(start: Node, wanted: Callable[[Node], bool]) -> list[tuple[Node, Node]]:
    """Return the nearest wanted users below `start`, each with the operand that led there."""
    found, stack, seen = [], [start], {start}
    while stack:
        node = stack.pop()
        for user in node.users:
            if wanted(user):
                found.append((user, node))
            elif user not in seen and user.target not in CONTRACTIONS:
                seen.add(user)
                stack.append(user)
    return found


def _operands(node: Node) -> tuple[Node, Node]:
    if node.target in EINSUM:
        pair = node.args[1]
        if isinstance(pair, list | tuple) and len(pair) > 1:
            return _node(pair[0]), _node(pair[1])
        single = pair[0] if isinstance(pair, list | tuple) else pair
        return _node(single), _node(single)
    first = 1 if node.target in ADDMM else 0
    return _node(node.args[first]), _node(node.args[first + 1])


def _rank(node: Node) -> int:
    return len(node.meta["val"].shape)


def _convolution_options(node: Node) -> dict[str, object]:
    """Return the arguments of a convolution by the names of its schema."""
    schema = getattr(node.target, "_schema").arguments  # noqa: B009  (not in torch's stubs)
    named = {argument.name: value for argument, value in zip(schema, node.args, strict=False)}
    return {**named, **node.kwargs}


def _node(argument: object) -> Node:
    if not isinstance(argument, Node):
        raise TypeError(f"expected a graph node, found {argument!r}")
    return argument
