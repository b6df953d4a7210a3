"""Partial evaluation: what is known at import is computed once, the rest becomes steps."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import torch

from hptc.errors import ModelError
from hptc.frontend.onnx_control import expand, is_control_flow
from hptc.frontend.onnx_graph import Graph, Node
from hptc.frontend.onnx_kernels import is_foreign, lacks_kernel
from hptc.frontend.onnx_opaque import evaluate_opaque, is_runnable, title_of, unsupported
from hptc.frontend.onnx_ops import find_rule
from hptc.frontend.onnx_ops.rule import Rule
from hptc.frontend.onnx_ops.values import Value
from hptc.frontend.onnx_pairs import QuantizePairs
from hptc.frontend.onnx_steps import (
    RULE_FAULTS,
    Bound,
    Evaluation,
    Live,
    Step,
    Weights,
    describe,
    python_value,
)
from hptc.frontend.onnx_unknown import UnknownValueError
from hptc.frontend.torch import first_line

VIEWS = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operations that show a weight in another form; one of a kept weight is never folded."""

_FLAGGED = 3
"""Inputs of a Dropout that is told whether to train: x, ratio and the flag."""


def evaluate(
    graph: Graph,
    weights: Weights,
    inputs: Mapping[str, torch.Tensor],
    where: str,
    *,
    strict: bool = False,
) -> Evaluation:
    """Run the graph once on example inputs, folding whatever no input or trained weight reaches.

    Args:
        graph: The graph.
        weights: Its initializers.
        inputs: Its other inputs, by name.
        where: How messages name the model.
        strict: Every result must be that of the standard, and every shape known.

    Raises:
        UnknownValueError: a node needs a value at import that only the batch decides.
        ModelError: a node does not fit its inputs.
    """
    evaluator = _Evaluator(weights, inputs, where, strict)
    with torch.no_grad():
        evaluator.run(graph.nodes)
    return evaluator.finish(graph.outputs)


class _Evaluator:
    """The state of one evaluation."""

    def __init__(
        self, weights: Weights, inputs: Mapping[str, torch.Tensor], where: str, strict: bool
    ) -> None:
        self.where = where
        self.strict = strict
        self.known: dict[str, Value] = {**weights.constant, **weights.kept}
        self.kept = set(weights.kept)
        self.values: dict[str, Value] = {**self.known, **weights.trained, **inputs}
        self.roots = {name: frozenset([name]) for name in inputs}
        self.steps: list[Step] = []
        self.nodes: list[Node] = []
        self.opaque: list[str] = []
        self.warnings: list[str] = []
        self.iterations = 0
        self.pairs = QuantizePairs()

    def run(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if is_control_flow(node):
                expand(node, self)
            else:
                self.nodes.append(node)
                self._node(node if self._outside_torch(node) else self.pairs.joined(node))

    def _node(self, node: Node) -> None:
        rule = find_rule(node.domain, node.op, node.opset)
        if rule is None or self._outside_torch(node):
            self._opaque(node)
            return
        try:
            self._native(node, rule)
        except ModelError as error:
            if not (lacks_kernel(node, self.values, error.__cause__) and is_runnable(node)):
                raise
            self._opaque(node)

    def _outside_torch(self, node: Node) -> bool:
        """Tell whether a rule for the operation would not do what the standard says."""
        draws = self.strict and node.op == "Dropout" and self._drops(node)
        return draws or is_foreign(node, self.values)

    def _drops(self, node: Node) -> bool:
        if len(node.inputs) == _FLAGGED and node.inputs[2] not in self.known:
            raise self._unknown(node, "the training flag", node.inputs[2:])
        return self._is_training(node)

    def _opaque(self, node: Node) -> None:
        """Leave a node to the engines of ONNX: now if its inputs are known, else as one step."""
        if not is_runnable(node):
            raise unsupported([node], self.where)
        found = evaluate_opaque(node, self.values, self.known, self.where)
        self.opaque.append(title_of(node))
        self.values.update(found.results)
        live = [name for name in found.reads if name not in self.known]
        if not live:
            self.known.update(found.results)
            return
        if not found.is_static:
            raise self._unknown(node, "all inputs", live)
        self._depend(found.results, live)
        args = tuple(Live(name) for name in found.reads)
        names = tuple(found.results)
        self.steps.append(Step(node.label, found.run, args, {}, names, False, node.source))

    def _native(self, node: Node, rule: Rule) -> None:
        attributes = dict(node.attributes)
        if rule.counts_outputs:
            attributes["outputs"] = len(node.outputs)
        live = [name for name in node.inputs if name and name not in self.known]
        known = rule.shape_only or not (rule.random or live)
        keeps = node.op in VIEWS and any(name in self.kept for name in node.inputs)
        folds = known and not keeps
        if self.strict and rule.data_dependent and not known:
            raise self._unknown(node, "all inputs", live)
        args = tuple(self._argument(node, rule, i, folds) for i in range(len(node.inputs)))
        options = MappingProxyType(attributes)
        step = Step(node.label, rule.run, args, options, node.outputs, rule.whole, node.source)
        results = self._call(step)
        self.values.update(results)
        if known:
            self.known.update(results)
        else:
            self._depend(results, live)
        if keeps:
            self.kept.update(results)
        if not folds:
            self.steps.append(step)
            self._warn(node, rule)

    def _warn(self, node: Node, rule: Rule) -> None:
        if node.op == "Dropout" and self._is_training(node):
            self.warnings.append(f"{node.label}: dropout in training mode is left out")
        if rule.data_dependent:
            self.warnings.append(
                f"{node.label}: the shape of its result depends on the batch, so the step "
                "can be run but probably not compiled"
            )

    def _depend(self, results: Iterable[str], live: Sequence[str]) -> None:
        roots = frozenset[str]().union(*(self.roots.get(name, frozenset()) for name in live))
        self.roots.update(dict.fromkeys(results, roots))

    def _unknown(self, node: Node, what: str, names: Sequence[str]) -> UnknownValueError:
        return UnknownValueError(
            f"{self.where}, {node.label}",
            expected=f"{what} to be known at import",
            found="a value computed from the batch or from a trained weight",
            hint="Shapes and axes must be fixed: export the model with static shapes.",
            inputs=frozenset[str]().union(*(self.roots.get(n, frozenset()) for n in names)),
        )

    def _is_training(self, node: Node) -> bool:
        flag = self.known.get(node.inputs[2]) if len(node.inputs) == _FLAGGED else None
        return isinstance(flag, torch.Tensor) and bool(flag.all())

    def _call(self, step: Step) -> dict[str, Value]:
        try:
            return step(self.values)
        except RULE_FAULTS as error:
            shapes = [f"{name!r} {describe(self.values.get(name))}" for name in step.reads]
            raise ModelError(
                f"{self.where}, {step.label}",
                expected="inputs and attributes that fit the operation",
                found=f"inputs {', '.join(shapes) or 'known at import'}, and: {first_line(error)}",
                hint="Check the shapes given for dynamic dimensions, or export the model again.",
            ) from error

    def _argument(self, node: Node, rule: Rule, position: int, folds: bool) -> Live | Bound:
        name = node.inputs[position]
        if not name:
            return Bound(None)
        value = self.known.get(name)
        if position in rule.static:
            if not isinstance(value, torch.Tensor):
                raise self._unknown(node, f"input {position} ({name!r})", [name])
            return Bound(python_value(value))
        soft = position in rule.soft and not folds
        if soft and isinstance(value, torch.Tensor) and value.dim() == 0:
            return Bound(value.item())
        return Live(name)

    def finish(self, outputs: tuple[str, ...]) -> Evaluation:
        needed = set(outputs)
        steps: list[Step] = []
        for step in reversed(self.steps):
            if needed.intersection(step.outputs):
                needed.update(step.reads)
                steps.append(step)
        shapes = {n: tuple(v.shape) for n, v in self.values.items() if isinstance(v, torch.Tensor)}
        return Evaluation(
            steps=tuple(reversed(steps)),
            known=MappingProxyType(self.known),
            shapes=MappingProxyType(shapes),
            nodes=tuple(self.nodes),
            outputs=outputs,
            opaque=tuple(dict.fromkeys(self.opaque)),
            warnings=tuple(self.warnings),
        )
