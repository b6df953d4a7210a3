"""torch models in: `nn.Module` or `ExportedProgram` to an exported program with named tensors."""

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx.traceback import preserve_node_meta
from torch.nn.attention import SDPBackend, sdpa_kernel

from hptc.errors import HptcError, ModelError, UsageError
from hptc.frontend.flatten import (
    ExampleInputs,
    call_arguments,
    flattened,
    input_leaves,
    output_labels,
    tensors_only,
)
from hptc.frontend.no_grad import detached_regions
from hptc.frontend.own_derivatives import refused_derivatives


@dataclass(frozen=True)
class Model:
    """An exported model with example inputs, ready for capture."""

    program: ExportedProgram
    inputs: tuple[Tensor, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]

    @cached_property
    def canonical(self) -> dict[str, str]:
        """Parameter name to the first name that shares its storage (tied weights)."""
        first: dict[tuple[int, int, tuple[int, ...]], str] = {}
        names = {}
        for name in self.program.graph_signature.parameters:
            tensor = self.program.state_dict[name]
            storage = tensor.untyped_storage().data_ptr()
            key = (storage, tensor.storage_offset(), tuple(tensor.shape))
            names[name] = first.setdefault(key, name) if tensor.numel() else name
        return names

    @cached_property
    def parameters(self) -> Mapping[str, Tensor]:
        """Distinct parameters by canonical name."""
        return {
            name: self.program.state_dict[name] for name in dict.fromkeys(self.canonical.values())
        }

    @cached_property
    def buffers(self) -> Mapping[str, Tensor]:
        """Buffers and lifted constants by name."""
        found: dict[str, Tensor] = {}
        for spec in self.program.graph_signature.input_specs:
            name = spec.target
            if name is None or spec.kind.name not in ("BUFFER", "CONSTANT_TENSOR"):
                continue
            source = self.program.state_dict
            found[name] = source[name] if name in source else self.program.constants[name]
        return found

    def output_index(self, name: str | None) -> int:
        """Return the position of the output called `name`, or numbered so (the first for None)."""
        if name is None:
            return 0
        positions = [str(index) for index in range(len(self.output_names))]
        if name not in self.output_names and name in positions:
            return positions.index(name)
        if name not in self.output_names:
            raise UsageError(
                f"--output {name}",
                expected=f"one of {', '.join(self.output_names)}",
                found="no output of that name",
            )
        return self.output_names.index(name)


def load_module(
    module: torch.nn.Module,
    inputs: ExampleInputs,
    *,
    input_names: Sequence[str] = (),
    output_names: Sequence[str] = (),
) -> Model:
    """Export a module with the shapes of `inputs`; raises ModelError if torch cannot."""
    try:
        with quiet(), preserve_node_meta(), sdpa_kernel(SDPBackend.MATH), refused_derivatives():
            program = torch.export.export(module, *call_arguments(inputs), strict=False)
            _drop_markers(program)
    except HptcError:
        raise
    except Exception as error:  # torch.export raises many unrelated types
        raise ModelError(
            f"{type(module).__name__}",
            expected="a module that torch.export can capture with the given inputs",
            found=f"{type(error).__name__}: {first_line(error)}",
            hint="Run torch.export.export(module, inputs, strict=False) for the full story.",
        ) from error
    return load_program(program, inputs, input_names=input_names, output_names=output_names)


def _drop_markers(program: ExportedProgram) -> None:
    """Remove what torch notes on inputs, over which its own decompositions stumble."""
    for node in program.graph.nodes:
        if node.op == "placeholder":
            node.meta.pop("custom", None)


def load_program(
    program: ExportedProgram,
    inputs: ExampleInputs | None = None,
    *,
    input_names: Sequence[str] = (),
    output_names: Sequence[str] = (),
) -> Model:
    """Wrap an exported program; without `inputs` its own example inputs are used."""
    leaves = input_leaves(program, inputs)
    labels = tuple(output_names) or output_labels(program)
    with quiet(), detached_regions(program):
        # Functional form: buffers that the model writes become outputs.
        functional = program.run_decompositions(_hiding_writes())
    program, kept = flattened(functional)
    specs = program.graph_signature.input_specs
    names = [spec.arg.name for spec in specs if spec.kind.name == "USER_INPUT"]
    tensors = tensors_only(leaves)
    if len(tensors) != len(names):
        raise ModelError(
            "example inputs",
            expected=f"{len(names)} tensors, for {', '.join(names) or 'no input'}",
            found=", ".join(type(leaf).__name__ for leaf in leaves) or "none",
            hint="Pass a tuple of the model's arguments, or a dict of its named ones.",
        )
    return Model(
        program, tensors, tuple(input_names) or tuple(names), tuple(labels[i] for i in kept)
    )


def _hiding_writes() -> dict[torch._ops.OperatorBase, Callable[..., object]]:
    """Return the decompositions of operations that write buffers without saying so."""
    table = torch.export.default_decompositions()
    return {op: table[op] for op in (torch.ops.aten.instance_norm.default,)}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep torch from warning, logging and printing: what goes wrong is raised, and said once."""
    level = logging.root.manager.disable
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(level)


def first_line(error: Exception) -> str:
    """Return the first line of a message that says something, else the type of the error."""
    lines = (line for line in str(error).splitlines() if line.strip())
    return next(lines, type(error).__name__)
