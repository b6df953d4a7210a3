"""Exported programs as bytes, and as modules that run on any tensors."""

import io
import zipfile
from pathlib import PurePosixPath

import torch
from torch.export import ExportedProgram

from hptc.errors import ModelError

_PICKLED = ("custom_obj_", "opaque_obj_")
"""Entries that torch reads by unpickling, which may run any code."""


def read_pt2(data: bytes, where: str) -> ExportedProgram:
    """Load an exported program from its bytes; raises ModelError if it is none."""
    try:
        _refuse_objects(data, where)
        return torch.export.load(io.BytesIO(data))
    except ModelError:
        raise
    except Exception as error:  # torch.export.load raises many unrelated types
        raise ModelError(
            where,
            expected="a program saved by torch.export.save",
            found=f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}",
        ) from error


def _refuse_objects(data: bytes, where: str) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [PurePosixPath(name).name for name in archive.namelist()]
    found = next((name for name in names if name.startswith(_PICKLED)), None)
    if found is not None:
        raise ModelError(
            where,
            expected="a program of tensors and operations",
            found=f"a pickled object ({found})",
            hint="Export the model without script objects.",
        )


def write_pt2(program: ExportedProgram) -> bytes:
    """Return an exported program as bytes."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def eager_module(program: ExportedProgram) -> torch.nn.Module:
    """Return a program as a module for real tensors; it was recorded with strides of fake ones."""
    module = program.module()
    for part in module.modules():
        if isinstance(part, torch.fx.GraphModule):
            for node in part.graph.nodes:
                if node.target is torch.ops.aten.view.default:
                    node.target = torch.ops.aten.reshape.default
            part.recompile()
    return module
