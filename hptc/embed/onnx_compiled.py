"""ONNX models compiled for given inputs: which of them must be constants is found on demand."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import onnx
from torch import Tensor

from hptc.compiler import compile_graph
from hptc.errors import VerifyError
from hptc.frontend.inference import Result, Slot, capture_inference
from hptc.frontend.onnx import Given, from_model_proto
from hptc.frontend.onnx_ops.values import Foreign, Value, as_numpy
from hptc.frontend.onnx_unknown import UnknownValueError
from hptc.options import Options
from hptc.runtime.execute import Machine
from hptc.target import Target

Values = Mapping[str, Value]


@dataclass(frozen=True)
class CompiledModel:
    """The schedule of `infer` for inputs of certain shapes, on a machine."""

    constants: frozenset[str]
    """Inputs whose values are part of it."""
    opaque: tuple[str, ...]
    """Types of the operations that run outside torch."""
    inputs: Mapping[str, str]
    """Value name of each other input."""
    results: tuple[Result, ...]
    machine: Machine | None
    """None where every output was known at import."""

    def run(self, values: Values) -> tuple[Value, ...]:
        """Execute one step; return the outputs of the model in order."""
        outputs: Mapping[str, Tensor] = {}
        if self.machine is not None:
            batch = {inner: _tensor(values[name]) for name, inner in self.inputs.items()}
            outputs = self.machine.step(batch).outputs
        return tuple(_filled(result, outputs) for result in self.results)


def compile_for(
    model: onnx.ModelProto, values: Values, target: Target, options: Options, where: str
) -> CompiledModel:
    """Compile a model for inputs like `values`.

    Args:
        model: The model.
        values: Every input by name. Of those that are tensors, only shape and element type count,
            unless the import turns out to need the numbers.
        target: What to compile for.
        options: How.
        where: How messages name the model.

    Raises:
        ModelError: The model or the inputs are malformed or unsupported.
        InfeasibleError: It does not fit the target.
    """
    declared = {v.name for v in model.graph.input if v.type.WhichOneof("value") == "tensor_type"}
    live = {name for name, value in values.items() if isinstance(value, Tensor)} & declared
    constants = frozenset(values.keys() - live)
    while True:
        fixed = {name: values[name] for name in constants}
        examples = {n: _tensor(value) for n, value in values.items() if n not in constants}
        try:
            imported = from_model_proto(
                model, where=where, given=Given(fixed, examples, strict=True)
            )
            break
        except UnknownValueError as error:
            if error.inputs <= constants:
                raise
            constants |= error.inputs
    step = capture_inference(imported)
    machine = None
    if step.graph.outputs:
        phase = compile_graph(step.graph, target, options)
        machine = Machine(phase.graph, phase.schedule)
        machine.enter(step.state)
    return CompiledModel(constants, imported.opaque, step.inputs, step.results, machine)


def key_of(value: Value, *, whole: bool) -> Hashable:
    """Return what identifies a value in a cache: all of it, or shape and element type alone."""
    if isinstance(value, tuple):
        return tuple(key_of(item, whole=whole) for item in value)
    if value is None:
        return None
    if isinstance(value, Tensor) and not whole:
        return str(value.dtype), tuple(value.shape)
    array = as_numpy(value)
    content = tuple(array.flat) if isinstance(value, Foreign) else array.tobytes()
    return str(array.dtype), array.shape, content


def _tensor(value: Value) -> Tensor:
    if not isinstance(value, Tensor):
        raise VerifyError("inputs", expected="a tensor", found=type(value).__name__)
    return value


def _filled(result: Result, outputs: Mapping[str, Tensor]) -> Value:
    if isinstance(result, Slot):
        return outputs[result.label]
    if isinstance(result, tuple):
        return tuple(_filled(item, outputs) for item in result)
    return result
