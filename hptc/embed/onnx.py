"""hptc as an ONNX backend: models are compiled to schedules, and the schedules are executed.

import onnx.backend.test
from hptc.embed.onnx import Backend

tests = onnx.backend.test.BackendTest(Backend, __name__)
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import onnx
from onnx.backend import base

from cost_models.load import load_target
from hptc.embed.onnx_compiled import CompiledModel, Values, compile_for, key_of
from hptc.errors import HptcError, InvalidInputError, ModelError, UsageError
from hptc.frontend.onnx import opaque_titles, parse_model
from hptc.frontend.onnx_ops.values import Value, as_numpy, from_numpy
from hptc.ir.graph import Phase
from hptc.options import make_options

_MOST_CACHED = 64
"""Compilations that a prepared model keeps; the oldest goes first."""
_TIME_LIMIT_S = 10.0


class PreparedModel(base.BackendRep):
    """A model that is compiled when its inputs, and so their shapes, are known."""

    def __init__(self, model: onnx.ModelProto, target: str, overrides: Sequence[str] = ()) -> None:
        """Check the model.

        Args:
            model: The model, its data in it.
            target: Built-in target, or a `.toml` file.
            overrides: As `--set` on the command line, e.g. `devices.gpu.launch=cuda-graph`.

        Raises:
            ModelError: The model is malformed, or nothing computes one of its operations.
            TargetError: There is no such target.
        """
        self._where = f"model {model.graph.name!r}"
        self._model = model
        self._options = make_options(
            target=target, phases=(Phase.INFER,), time_limit_s=_TIME_LIMIT_S, overrides=overrides
        )
        self._target = load_target(target, overrides)
        graph = parse_model(model, self._where)
        self.input_names = tuple(value.name for value in graph.inputs)
        self.output_names = graph.outputs
        self.opaque_ops: tuple[str, ...] = opaque_titles(graph)
        """Operations that run outside torch: as the tables tell, after `run` as it came."""
        self._needed: dict[Hashable, frozenset[str]] = {}
        self._cache: dict[Hashable, CompiledModel] = {}

    def run(self, inputs: Sequence[Any] | Mapping[str, Any], **options: Any) -> tuple[Any, ...]:
        """Execute the model.

        Args:
            inputs: Arrays, lists of arrays (sequences) or None (absent optionals), in the order of
                the model's inputs or by name.
            options: None are known.

        Returns:
            All outputs in order, of the same forms.

        Raises:
            UsageError: There is an option.
            InvalidInputError: The inputs do not fit the model.
            HptcError: As in `hptc.compile`.
        """
        if options:
            raise UsageError("run", expected="no options", found=", ".join(options))
        values = self._named(inputs)
        compiled = self._compiled(values)
        self.opaque_ops = compiled.opaque
        outputs = [as_numpy(value) for value in compiled.run(values)]
        return tuple(base.namedtupledict("Outputs", self.output_names)(*outputs))

    def _named(self, inputs: Sequence[Any] | Mapping[str, Any]) -> Values:
        given = (
            dict(inputs)
            if isinstance(inputs, Mapping)
            else dict(zip(self.input_names, inputs, strict=False))
        )
        if len(given) != len(inputs) or set(given) != set(self.input_names):
            raise InvalidInputError(
                self._where,
                expected=f"the inputs {', '.join(self.input_names) or '(none)'}",
                found=", ".join(inputs) if isinstance(inputs, Mapping) else f"{len(inputs)} values",
            )
        return {name: self._value(name, item) for name, item in given.items()}

    def _value(self, name: str, item: Any) -> Value:
        try:
            return from_numpy(item)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(
                f"{self._where}, input {name!r}",
                expected="an array of an element type of ONNX, a list of them, or None",
                found=str(error),
            ) from error

    def _compiled(self, values: Values) -> CompiledModel:
        shapes = tuple(key_of(values[name], whole=False) for name in self.input_names)
        compiled = self._cache.get(self._key(shapes, values))
        if compiled is None:
            compiled = compile_for(self._model, values, self._target, self._options, self._where)
            self._needed[shapes] = compiled.constants
            while len(self._cache) >= _MOST_CACHED:
                del self._cache[next(iter(self._cache))]
            self._cache[self._key(shapes, values)] = compiled
        return compiled

    def _key(self, shapes: Hashable, values: Values) -> Hashable:
        """Return the shapes, and the values of those inputs that a compilation made constants."""
        needed = self._needed.get(shapes, frozenset())
        return shapes, tuple((n, key_of(values[n], whole=True)) for n in sorted(needed))


class Backend(base.Backend):
    """Compiles models to schedules, by default of one GPU, and executes them on this machine."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **options: Any) -> bool:
        """Tell whether `prepare` takes the model."""
        try:
            cls.prepare(model, device, **options)
        except HptcError:
            return False
        return True

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Tell whether schedules can be executed there: on the host alone."""
        return device.partition(":")[0] == "CPU"

    @classmethod
    def prepare(
        cls,
        model: onnx.ModelProto,
        device: str = "CPU",
        *,
        target: str = "gpu",
        overrides: Sequence[str] = (),
        **options: Any,
    ) -> PreparedModel:
        """Return the model, ready to run; see `PreparedModel` for arguments and errors.

        Args:
            model: The model.
            device: Where to execute: `CPU`.
            target: What to compile for.
            overrides: Changes to the target.
            options: `rtol` and `atol` of the standard's tests are ignored; others are errors.
        """
        unknown = sorted(options.keys() - {"rtol", "atol"})
        if unknown or not cls.supports_device(device):
            raise UsageError(
                "prepare",
                expected="the device CPU, and the options target and overrides",
                found=", ".join([device, *unknown]),
            )
        return PreparedModel(model, target, overrides)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Sequence[Any],
        device: str = "CPU",
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
        **options: Any,
    ) -> tuple[Any, ...]:
        """Run one operation.

        Args:
            node: The operation.
            inputs: What it reads, in order.
            device: Where to execute: `CPU`.
            outputs_info: Element type and shape of each output, where ONNX cannot infer them.
            options: `opset_version`, and those of `prepare`.

        Raises:
            ModelError: The type of an output is unknown.
            HptcError: As in `PreparedModel.run`.
        """
        version = options.pop("opset_version", onnx.defs.onnx_opset_version())
        model = _model_of(node, inputs, outputs_info, version)
        return cls.prepare(model, device, **options).run(list(inputs))


def _model_of(
    node: onnx.NodeProto,
    inputs: Sequence[Any],
    outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None,
    version: int,
) -> onnx.ModelProto:
    helper = onnx.helper
    names = [name for name in dict.fromkeys(node.input) if name]
    given = [_info(name, item.dtype, item.shape) for name, item in zip(names, inputs, strict=True)]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    if outputs_info is not None:
        pairs = zip(outputs, outputs_info, strict=True)
        outputs = [_info(output.name, dtype, shape) for output, (dtype, shape) in pairs]
    opsets = [helper.make_opsetid(node.domain, version)]
    graph = helper.make_graph([node], node.op_type, given, outputs)
    model = helper.make_model(graph, opset_imports=opsets)
    if outputs_info is None:
        model = onnx.shape_inference.infer_shapes(model)
    untyped = [o.name for o in model.graph.output if not o.HasField("type")]
    if untyped:
        raise ModelError(
            f"node {node.op_type}",
            expected="outputs whose types ONNX infers",
            found=f"none for {', '.join(untyped)}",
            hint="Give outputs_info.",
        )
    return model


def _info(name: str, dtype: Any, shape: Sequence[int]) -> onnx.ValueInfoProto:
    kind = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    return onnx.helper.make_tensor_value_info(name, kind, shape)
