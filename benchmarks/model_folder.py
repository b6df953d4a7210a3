"""Folders of models laid out like the reference ones: NAME.onnx, NAME.npz, NAME.json."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOSSES = {"mse": "mse", "ce": "cross_entropy"}
"""The loss in NAME.json, and the one hptc calls so."""


@dataclass(frozen=True, slots=True)
class FolderModel:
    """An ONNX model, its loss, and the file of its inputs and reference results."""

    path: Path
    loss: str
    data: Path | None


def models_of(folder: Path) -> Iterator[FolderModel]:
    """Yield the models of a folder by name; without a JSON file the loss is mse."""
    for path in sorted(folder.glob("*.onnx")):
        about, data = path.with_suffix(".json"), path.with_suffix(".npz")
        loss = json.loads(about.read_text())["loss"] if about.is_file() else "mse"
        yield FolderModel(path, LOSSES[loss], data if data.is_file() else None)
