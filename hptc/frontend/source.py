"""Any model a user hands over, read into one form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from hptc.errors import ModelError, UsageError
from hptc.frontend.capture import Selection
from hptc.frontend.flatten import ExampleInputs
from hptc.frontend.onnx import Guess, ImportedModel, from_stored
from hptc.frontend.onnx_file import OnnxFile, read_model, stored_model
from hptc.frontend.pt2 import eager_module, read_pt2, write_pt2
from hptc.frontend.specialise import load_static
from hptc.frontend.torch import Model, load_module

ModelLike = str | Path | torch.nn.Module | ExportedProgram


@dataclass(frozen=True)
class Source:
    """A model ready for capture, and the original as it is kept for verification."""

    name: str
    model: Model
    format: str
    """`onnx` or `pt2`."""
    data: bytes
    files: Mapping[str, bytes | memoryview] = field(default_factory=dict)
    """What an ONNX model keeps in files beside it, by location."""
    warnings: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = ()


def read_source(
    model: ModelLike,
    example_inputs: ExampleInputs | None,
    dimensions: Mapping[str, int],
    selection: Selection,
) -> Source:
    """Read an ONNX or .pt2 file, a module or an exported program.

    Raises ModelError, or UsageError where example inputs or dimensions do not suit the model.
    """
    if isinstance(model, str | Path):
        path = Path(model)
        if path.suffix == ".pt2":
            return _from_program(path.stem, _read_pt2_file(path), example_inputs, dimensions)
        return _from_onnx(path, dimensions, selection)
    if isinstance(model, ExportedProgram):
        return _from_program("program", model, example_inputs, dimensions)
    if dimensions:
        raise UsageError(
            "--shape", expected="a model with dynamic dimensions", found=type(model).__name__
        )
    if example_inputs is None or isinstance(example_inputs, Tensor):
        raise UsageError(
            f"compile({type(model).__name__})",
            expected="example_inputs, a tuple of tensors or a dict of named ones",
            found="None" if example_inputs is None else "one tensor",
            hint="A module's step is captured with the shapes of its example inputs.",
        )
    exported = load_module(model, example_inputs)
    return _from_model(type(model).__name__.lower(), exported)


def _exported(result: ImportedModel) -> Model:
    """Export an imported ONNX model."""
    return load_module(
        result.module,
        result.example_inputs,
        input_names=result.input_names,
        output_names=result.output_names,
    )


def _read_pt2_file(path: Path) -> ExportedProgram:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            str(path), expected="a readable file", found=str(error.strerror)
        ) from error
    return read_pt2(data, str(path))


def _from_onnx(path: Path, dimensions: Mapping[str, int], selection: Selection) -> Source:
    stored = read_model(path)
    result = from_stored(stored, str(path), dimensions, selection.train, selection.frozen)
    return Source(
        name=path.stem,
        model=_exported(result),
        format="onnx",
        data=stored.file.content,
        files=stored.file.data,
        warnings=result.warnings,
        guesses=result.guesses,
    )


def _from_program(
    name: str,
    program: ExportedProgram,
    example_inputs: ExampleInputs | None,
    dimensions: Mapping[str, int],
) -> Source:
    return _from_model(name, load_static(program, example_inputs, dimensions))


def _from_model(name: str, model: Model) -> Source:
    return Source(name=name, model=model, format="pt2", data=write_pt2(model.program))


def reference_module(
    form: str,
    data: bytes,
    files: Mapping[str, bytes | memoryview],
    dimensions: Mapping[str, int],
    selection: Selection,
) -> torch.nn.Module:
    """Return the original model of a bundle as an eager module.

    Raises ModelError if the bytes are no model of that form.
    """
    if form == "pt2":
        return eager_module(read_pt2(data, "reference/model.pt2"))
    where = "reference/model.onnx"
    stored = stored_model(OnnxFile(data, files), where)
    return from_stored(stored, where, dimensions, selection.train, selection.frozen).module
