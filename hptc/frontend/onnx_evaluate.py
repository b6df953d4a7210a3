"""Partial evaluation: what is known at import is computed once, the rest becomes steps."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch

from hptc.errors import ModelError
from hptc.frontend.onnx_control import expand, is_control_flow
from hptc.frontend.onnx_graph import Graph, Node
from hptc.frontend.onnx_opaque import evaluate_opaque, is_runnable, title_of, unsupported
from hptc.frontend.onnx_ops import find_rule
from hptc.frontend.onnx_ops.rule import Rule
from hptc.frontend.onnx_ops.values import Foreign, Value, leaves
from hptc.frontend.onnx_unknown import UnknownValueError

VIEWS = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operations that show a weight in another form; one of a kept weight is never folded."""

_STRUCTURAL = frozenset(
    {
        "Constant",
        "Identity",
        "Optional",
        "OptionalGetElement",
        "OptionalHasElement",
        "SequenceAt",
        "SequenceConstruct",
        "SequenceEmpty",
        "SequenceErase",
        "SequenceInsert",
        "SequenceLength",
    }
)
"""Operations that hand tensors on without a look at their elements."""

_USUAL = frozenset(
    {
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.uint8,
        torch.bool,
    }
)
"""Element types for which torch has kernels of nearly all operations."""

RULE_FAULTS = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    ArithmeticError,
)
"""What torch and the rules raise when a node does not fit its inputs."""


@dataclass(frozen=True, slots=True)
class Live:
    """An argument read while the module runs."""

    name: str


@dataclass(frozen=True, slots=True)
class Bound:
    """An argument known at import, as a Python value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One operation that the module performs."""

    label: str
    run: Callable[..., Any]
    args: tuple[Live | Bound, ...]
    attributes: Mapping[str, Any]
    outputs: tuple[str, ...]
    whole: bool = False
    """As in `Rule`."""
    source: str = ""
    """Provenance of the operations that it becomes."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the values read."""
        return tuple(arg.name for arg in self.args if isinstance(arg, Live))

    def __call__(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the named outputs."""
        args = [values[arg.name] if isinstance(arg, Live) else arg.value for arg in self.args]
        result = self.run(*args, **self.attributes)
        several = isinstance(result, tuple) and not self.whole
        return name_outputs(result if several else (result,), self.outputs)


@dataclass(frozen=True)
class Evaluation:
    """A graph after partial evaluation."""

    steps: tuple[Step, ...]
    """The steps that an output needs, in order."""
    known: Mapping[str, Value]
    """Every value fixed at import, frozen weights included."""
    shapes: Mapping[str, tuple[int, ...]]
    nodes: tuple[Node, ...]
    """All nodes, control flow replaced by what it comes to."""
    outputs: tuple[str, ...]
    opaque: tuple[str, ...]
    """Types of the operations that torch did not evaluate, each once."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Weights:
    """The initializers, by what becomes of them."""

    trained: Mapping[str, torch.Tensor]
    kept: Mapping[str, torch.Tensor]
    """Frozen, yet parameters of the module: their views are not folded."""
    constant: Mapping[str, Value]


def name_outputs(results: tuple[Any, ...], names: tuple[str, ...]) -> dict[str, Value]:
    """Return the outputs of a node by name, without those that nobody reads.

    Raises:
        ValueError: there are more names than results.
    """
    if any(names[len(results) :]):
        raise ValueError(f"{len(names)} outputs are read, and there are {len(results)}")
    return {name: value for name, value in zip(names, results, strict=False) if name}


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

    def run(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if is_control_flow(node):
                expand(node, self)
            else:
                self.nodes.append(node)
                self._node(node)

    def _node(self, node: Node) -> None:
        rule = find_rule(node.domain, node.op, node.opset)
        if rule is None or self._outside_torch(node):
            self._opaque(node)
            return
        try:
            self._native(node, rule)
        except ModelError as error:
            if not (self._lacks_kernel(node, error.__cause__) and is_runnable(node)):
                raise
            self._opaque(node)

    def _outside_torch(self, node: Node) -> bool:
        """Tell whether a rule for the operation would not do what the standard says."""
        foreign = any(
            isinstance(leaf, Foreign) for name in node.inputs for leaf in self._leaves(name)
        )
        draws = self.strict and node.op == "Dropout" and self._is_training(node)
        return draws or (foreign and node.op not in _STRUCTURAL)

    def _leaves(self, name: str) -> Iterable[torch.Tensor | Foreign]:
        return leaves(self.values[name]) if name else ()

    def _lacks_kernel(self, node: Node, fault: BaseException | None) -> bool:
        """Tell whether torch stumbled over an element type, not over the model."""
        dtypes = {
            leaf.dtype
            for name in node.inputs
            for leaf in self._leaves(name)
            if isinstance(leaf, torch.Tensor)
        }
        return isinstance(fault, NotImplementedError) or not dtypes <= _USUAL

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
        flag = self.known.get(node.inputs[2]) if len(node.inputs) == 3 else None  # noqa: PLR2004  (x, ratio, flag)
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


def python_value(tensor: torch.Tensor) -> Any:
    """Return a tensor as a Python number or a (nested) tuple of numbers."""
    return _tuples(tensor.tolist())


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def first_line(error: Exception) -> str:
    """Return the first line of an error of another library, for messages."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def describe(value: Value) -> str:
    """Return type and shape of a value, for messages."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, Foreign):
        return f"{value.array.dtype}{list(value.array.shape)}"
    return "nothing" if value is None else f"a sequence of {len(value)}"
