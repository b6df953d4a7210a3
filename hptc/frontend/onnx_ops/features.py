"""Operations of `ai.onnx.ml` that work on numbers alone."""

import torch
from torch import Tensor

from hptc.frontend.onnx_ops.rule import Rule

Floats = tuple[float, ...]


def _extract(x: Tensor, places: Tensor) -> Tensor:
    """Pick along the last axis; a vector counts as one row."""
    rows = x.unsqueeze(0) if x.dim() == 1 else x
    return torch.index_select(rows, rows.dim() - 1, places.reshape(-1))


def _binarize(x: Tensor, *, threshold: float = 0.0) -> Tensor:
    return (x > threshold).to(x.dtype)


def _scale(x: Tensor, *, offset: Floats = (0.0,), scale: Floats = (1.0,)) -> Tensor:
    wide = x.float()
    return (wide - torch.tensor(offset)) * torch.tensor(scale)


_DOMAIN = "ai.onnx.ml"

RULES: tuple[Rule, ...] = (
    Rule("ArrayFeatureExtractor", _extract, domain=_DOMAIN),
    Rule("Binarizer", _binarize, domain=_DOMAIN),
    Rule("Scaler", _scale, domain=_DOMAIN),
)
