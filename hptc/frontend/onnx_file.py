"""ONNX files: the graph in one, weights of any size in others beside it.

A ModelProto cannot hold 2 GiB, so weights stored outside stay outside. They are read by memory map,
and the graph declares them as inputs, which leaves a valid model for every library that takes one.
"""

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

from hptc.errors import ModelError
from hptc.frontend.onnx_graph import view_tensor
from hptc.frontend.onnx_ops.types import DTYPES

_MAPPED_FROM = 2**26
"""Bytes of a data file; a smaller one is read, so that it may be replaced meanwhile."""


@dataclass(frozen=True)
class OnnxFile:
    """A model as it is stored."""

    content: bytes
    data: Mapping[str, bytes | memoryview]
    """Content of the files beside it, by location."""


@dataclass(frozen=True)
class StoredModel:
    """A model in memory."""

    proto: onnx.ModelProto
    """Initializers that are stored outside are inputs here."""
    weights: Mapping[str, torch.Tensor]
    """Their data."""
    file: OnnxFile


def read_model(path: Path) -> StoredModel:
    """Return the model in a file, external weights mapped.

    Raises:
        ModelError: there is no such file, it is no complete ONNX model, or its external data are
            missing, too short, or out of its folder.
    """
    where = str(path)
    hint = "Give the path of a file written by torch.onnx.export or another exporter."
    if not path.exists():
        raise ModelError(where, expected="an ONNX file", found="no such file", hint=hint)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "a pipe or device"
        raise ModelError(where, expected="an ONNX file", found=found, hint=hint)
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(where, expected="a readable file", found=reason, hint=hint) from error
    if not content:
        raise ModelError(where, expected="an ONNX model", found="an empty file", hint=hint)
    proto = _parse(content, where)
    data = _open_data(proto, path)
    return _split(proto, OnnxFile(content, data), where)


def stored_model(file: OnnxFile, where: str) -> StoredModel:
    """Return the model of a file in memory; raises ModelError if it is none."""
    return _split(_parse(file.content, where), file, where)


def _parse(content: bytes, where: str) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise ModelError(
            where,
            expected="an ONNX model of less than 2 GiB, not counting external data",
            found=f"{len(content)} bytes that are no complete ONNX model",
            hint="The file is truncated or of another kind; export or copy it again.",
        ) from error
    return model


def _split(proto: onnx.ModelProto, file: OnnxFile, where: str) -> StoredModel:
    """Take the external initializers out of a model; other external tensors are put into it."""
    graph, weights = proto.graph, {}
    inside = []
    inputs = {value.name for value in graph.input}
    for tensor in graph.initializer:
        if not _is_external(tensor) or tensor.data_type not in DTYPES:
            inside.append(tensor)
            continue
        if tensor.name in weights:
            raise ModelError(where, expected="one tensor of a name", found=f"two {tensor.name!r}")
        weights[tensor.name] = view_tensor(tensor, _bytes_of(tensor, file, where), where)
        if tensor.name not in inputs:
            declared = onnx.helper.make_tensor_value_info
            graph.input.append(declared(tensor.name, tensor.data_type, tensor.dims))
    if weights:
        kept = [onnx.TensorProto.FromString(item.SerializeToString()) for item in inside]
        del graph.initializer[:]
        graph.initializer.extend(kept)
    for tensor in filter(_is_external, _tensors(proto)):
        tensor.raw_data = bytes(_bytes_of(tensor, file, where))
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
    return StoredModel(proto, weights, file)


def _open_data(proto: onnx.ModelProto, path: Path) -> dict[str, memoryview]:
    """Return the files beside a model, never following a path out of its folder."""
    folder = path.resolve().parent
    found: dict[str, memoryview] = {}
    for tensor in filter(_is_external, _tensors(proto)):
        location = _fields(tensor).get("location", "")
        if _key(location) not in found:
            source = _data_path(folder, location, f"{path}, tensor {tensor.name!r}")
            found[_key(location)] = _view(source)
    return found


def _data_path(folder: Path, location: str, where: str) -> Path:
    given = Path(location)
    outside = (
        not location or given.is_absolute() or ".." in given.parts or set(location) & set("\\:\0")
    )
    target = folder if outside else (folder / given).resolve()
    if outside or not target.is_relative_to(folder):
        raise ModelError(
            where,
            expected="external data inside the folder of the model",
            found=f"location {location!r}",
            hint="Put the data file beside the model and store a relative path.",
        )
    if not target.is_file():
        raise ModelError(
            where,
            expected=f"its data in {target.name!r} beside the model",
            found="no such file",
            hint="Copy the data file together with the model.",
        )
    return target


def _view(source: Path) -> memoryview:
    """Return the content of a file; what is written to it stays in this process."""
    try:
        with source.open("rb") as file:
            if source.stat().st_size < _MAPPED_FROM:
                return memoryview(bytearray(file.read()))
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(str(source), expected="a readable file", found=reason) from error


def _bytes_of(tensor: onnx.TensorProto, file: OnnxFile, where: str) -> memoryview:
    fields = _fields(tensor)
    location = fields.get("location", "")
    content = file.data.get(_key(location))
    if content is None:
        raise ModelError(
            f"{where}, tensor {tensor.name!r}",
            expected="its data in the model",
            found=f"data in another file, {location!r}, which was not loaded",
            hint="Give the path of the model, so that the file beside it is found.",
        )
    try:
        offset = int(fields.get("offset", "0"))
        length = int(fields.get("length", str(len(content) - offset)))
    except ValueError:
        offset, length = -1, -1
    if offset < 0 or length < 0 or offset + length > len(content):
        raise ModelError(
            f"{where}, tensor {tensor.name!r}",
            expected=f"bytes {fields.get('offset', '0')} to +{fields.get('length', 'end')} of it",
            found=f"{location!r} with {len(content)} bytes",
            hint="The data file is truncated or belongs to another export; copy it again.",
        )
    return memoryview(content)[offset : offset + length]


def _is_external(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def _fields(tensor: onnx.TensorProto) -> dict[str, str]:
    return {str(entry.key): str(entry.value) for entry in tensor.external_data}


def _key(location: str) -> str:
    """Return a location as bundles spell it."""
    return str(PurePosixPath(location))


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _graph_tensors(proto.graph)
    for function in proto.functions:
        for node in function.node:
            yield from _node_tensors(node)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        yield from _node_tensors(node)


def _node_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _graph_tensors(inner)
