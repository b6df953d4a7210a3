"""Control flow at import: the chosen branch of `If`, every iteration of `Loop` and `Scan`."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import torch

from hptc.errors import ModelError
from hptc.frontend.onnx_body import inline_body
from hptc.frontend.onnx_graph import Graph, Node
from hptc.frontend.onnx_ops.values import Value
from hptc.frontend.onnx_unknown import UnknownValueError

MAX_ITERATIONS = 4096
"""Iterations that one import unrolls, all loops together; each repeats the nodes of its body."""

_BATCHED_SCAN = 8
"""The opset whose Scan has a batch axis."""


class Evaluator(Protocol):
    """What control flow needs of the evaluation that it is part of."""

    where: str
    known: dict[str, Value]
    values: dict[str, Value]
    roots: dict[str, frozenset[str]]
    """Inputs of the model that a value depends on; none where it is known."""
    iterations: int

    def run(self, nodes: Sequence[Node]) -> None:
        """Evaluate nodes in order."""


def expand(node: Node, state: Evaluator) -> None:
    """Evaluate what the control flow `node` comes to on the values of `state`.

    Raises:
        ModelError: the batch decides which branch or how many iterations, or they are too many.
    """
    _EXPANSIONS[node.op](node, state)


def is_control_flow(node: Node) -> bool:
    """Tell whether `expand` takes the node."""
    return not node.domain and node.op in _EXPANSIONS


def _if(node: Node, state: Evaluator) -> None:
    chosen = _known_flag(node, node.inputs[0], state)
    body = node.attributes["then_branch" if chosen else "else_branch"]
    _finish(node, _run_body(body, _prefix(node), (), state), state)


def _loop(node: Node, state: Evaluator) -> None:
    """Without a condition on entry, the one that the body computes counts for nothing."""
    limit, condition, *carried = (*node.inputs, "", "")[: max(2, len(node.inputs))]
    count = _known(node, limit, "trip count", state) if limit else None
    goes_on = _known_flag(node, condition, state) if condition else True
    body: Graph = node.attributes["body"]
    rows: list[Sequence[str]] = []
    index = 0
    while goes_on and (count is None or index < int(count)):
        prefix = f"{_prefix(node)}/{index}"
        flag = _constant(state, f"{prefix}/condition", torch.tensor(True))
        place = _constant(state, f"{prefix}/index", torch.tensor(index))
        _count(node, state)
        proceed, *results = _run_body(body, prefix, (place, flag, *carried), state)
        goes_on = _known_flag(node, proceed, state) if condition else True
        carried, row = results[: len(carried)], results[len(carried) :]
        rows.append(row)
        index += 1
    axes = (0,) * (len(node.outputs) - len(carried))
    _finish(node, (*carried, *_stacked(node, rows, axes, state)), state)


def _scan(node: Node, state: Evaluator) -> None:
    body: Graph = node.attributes["body"]
    if node.opset <= _BATCHED_SCAN:
        _finish(node, _batched_scan(node, body, state), state)
        return
    split = len(node.inputs) - node.attributes["num_scan_inputs"]
    carried, scanned = node.inputs[:split], node.inputs[split:]
    results = _scan_once(node, body, _prefix(node), carried, scanned, node.attributes, state)
    _finish(node, results, state)


def _scan_once(  # noqa: PLR0913, PLR0917  (a scan of opset 8 is one a member of the batch)
    node: Node,
    body: Graph,
    prefix: str,
    carried: Sequence[str],
    scanned: Sequence[str],
    options: Mapping[str, Any],
    state: Evaluator,
) -> tuple[str, ...]:
    """Return the names of the last states and of the stacked results."""
    axes = options.get("scan_input_axes") or (0,) * len(scanned)
    backward = options.get("scan_input_directions") or (0,) * len(scanned)
    length = _length(node, scanned, axes, state)
    rows: list[Sequence[str]] = []
    for step in range(length):
        inner = f"{prefix}/{step}"
        _count(node, state)
        elements = [
            _element(node, name, axis, length - 1 - step if flip else step, f"{inner}/in{i}", state)
            for i, (name, axis, flip) in enumerate(zip(scanned, axes, backward, strict=True))
        ]
        results = _run_body(body, inner, (*carried, *elements), state)
        carried, row = results[: len(carried)], results[len(carried) :]
        rows.append(row)
    count = len(body.outputs) - len(carried)
    out_axes = options.get("scan_output_axes") or (0,) * count
    flips = options.get("scan_output_directions") or (0,) * count
    return (*carried, *_stacked(node, rows, out_axes, state, prefix, flips))


def _batched_scan(node: Node, body: Graph, state: Evaluator) -> tuple[str, ...]:
    """Opset 8: one scan for each member of the batch, which is axis 0 of everything."""
    lengths, *operands = node.inputs
    if lengths:
        raise ModelError(
            f"{state.where}, {node.label}",
            expected="a Scan without sequence lengths",
            found=f"lengths {lengths!r}",
            hint="Convert the model to opset 9 or later with onnx.version_converter.",
        )
    split = len(operands) - node.attributes["num_scan_inputs"]
    options = {"scan_input_directions": node.attributes.get("directions")}
    size = _length(node, operands, (0,) * len(operands), state)
    rows: list[Sequence[str]] = []
    for member in range(size):
        prefix = f"{_prefix(node)}/{member}"
        own = [
            _element(node, name, 0, member, f"{prefix}/of{i}", state)
            for i, name in enumerate(operands)
        ]
        rows.append(_scan_once(node, body, prefix, own[:split], own[split:], options, state))
    return _stacked(node, rows, (0,) * len(body.outputs), state)


def _prefix(node: Node) -> str:
    return next((name for name in node.outputs if name), node.label)


def _run_body(body: Graph, prefix: str, actual: Sequence[str], state: Evaluator) -> tuple[str, ...]:
    inner = inline_body(body, prefix, actual)
    state.known.update(inner.initializers)
    state.values.update(inner.initializers)
    state.run(inner.nodes)
    return inner.outputs


def _finish(node: Node, results: Sequence[str], state: Evaluator) -> None:
    """Give the results the names that the node has for them."""
    pairs = zip(results, node.outputs, strict=False)
    state.run([_made("Identity", (name,), output, node) for name, output in pairs if output])


def _stacked(
    node: Node,
    rows: Sequence[Sequence[str]],
    axes: Sequence[int],
    state: Evaluator,
    prefix: str = "",
    flips: Sequence[int] = (),
) -> tuple[str, ...]:
    """Return the names of the results of all iterations, stacked along their axes."""
    if axes and not rows:
        raise ModelError(
            f"{state.where}, {node.label}",
            expected="a loop that runs at least once",
            found="no iteration, so the shape of what it collects is unknown",
            hint="Remove the loop from the model.",
        )
    stacked = []
    for column, axis in enumerate(axes):
        parts = tuple(row[column] for row in rows)
        name = f"{prefix or _prefix(node)}/stacked{column}"
        ordered = parts[::-1] if flips and flips[column] else parts
        sequence = _made("SequenceConstruct", ordered, f"{name}/parts", node)
        join = _made("ConcatFromSequence", sequence.outputs, name, node, axis=axis, new_axis=1)
        state.run([sequence, join])
        stacked.append(name)
    return tuple(stacked)


def _element(node: Node, name: str, axis: int, place: int, output: str, state: Evaluator) -> str:
    index = _constant(state, f"{output}/index", torch.tensor(place))
    state.run([_made("Gather", (name, index), output, node, axis=axis)])
    return output


def _made(op: str, inputs: tuple[str, ...], output: str, node: Node, **attributes: Any) -> Node:
    """Return a node that the control flow comes to, with the provenance of `node`."""
    options: Mapping[str, Any] = MappingProxyType(attributes)
    return Node(op, "", node.name, inputs, (output,), options, node.opset, node.module)


def _constant(state: Evaluator, name: str, value: torch.Tensor) -> str:
    state.known[name] = state.values[name] = value
    return name


def _length(node: Node, scanned: Sequence[str], axes: Sequence[int], state: Evaluator) -> int:
    values = [state.values[name] for name in scanned]
    shapes = [value.shape for value in values if isinstance(value, torch.Tensor)]
    lengths = {shape[axis] for shape, axis in zip(shapes, axes, strict=True)}
    if len(lengths) != 1:
        raise ModelError(
            f"{state.where}, {node.label}",
            expected="scanned inputs of one length",
            found=f"lengths {sorted(lengths)}",
            hint="Check the shapes given for dynamic dimensions.",
        )
    return int(lengths.pop())


def _count(node: Node, state: Evaluator) -> None:
    state.iterations += 1
    if state.iterations > MAX_ITERATIONS:
        raise ModelError(
            f"{state.where}, {node.label}",
            expected=f"at most {MAX_ITERATIONS} iterations to unroll in the whole model",
            found="more",
            hint="Shorten the sequence (--shape), or export the recurrence as RNN, GRU or LSTM.",
        )


def _known(node: Node, name: str, what: str, state: Evaluator) -> torch.Tensor:
    value = state.known.get(name)
    if not isinstance(value, torch.Tensor):
        raise UnknownValueError(
            f"{state.where}, {node.label}",
            expected=f"a {what} known at import",
            found=f"{name!r}, which depends on the batch",
            hint="Export the model with what decides it fixed, e.g. a flag or a length.",
            inputs=state.roots.get(name, frozenset()),
        )
    return value


def _known_flag(node: Node, name: str, state: Evaluator) -> bool:
    return bool(_known(node, name, "condition", state).all())


_EXPANSIONS: Mapping[str, Callable[[Node, Evaluator], None]] = MappingProxyType(
    {"If": _if, "Loop": _loop, "Scan": _scan}
)
