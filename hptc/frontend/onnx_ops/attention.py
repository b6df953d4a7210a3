"""Scaled dot-product attention of opset 23 and later."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.nn import softmax
from hptc.frontend.onnx_ops.rule import Rule
from hptc.frontend.onnx_ops.types import torch_dtype


@dataclass(frozen=True)
class _Window:
    """Which keys a query may see by position; -1 leaves a side open."""

    causal: bool
    left: int
    right: int

    def visible(self, queries: int, keys: int, offset: int | Tensor) -> Tensor | None:
        """Return [.., queries, keys]; query i stands at position i + offset among the keys."""
        key = torch.arange(keys)
        position = torch.arange(queries).unsqueeze(-1) + offset
        seen: Tensor | None = None
        for used, limit in (
            (self.causal, key <= position),
            (self.left >= 0, key >= position - self.left),
            (self.right >= 0, key <= position + self.right),
        ):
            if used:
                seen = limit if seen is None else seen & limit
        return seen


def _heads(x: Tensor, count: int) -> Tensor:
    """Return [batch, heads, tokens, width] from [batch, tokens, heads * width]."""
    if x.dim() == 4:  # noqa: PLR2004  (heads are an axis already)
        return x
    return x.reshape(x.shape[0], x.shape[1], count, -1).transpose(1, 2)


def _bias(
    mask: Tensor | None, seen: list[Tensor], queries: Tensor, keys: int
) -> tuple[Tensor | None, Tensor | None]:
    """Return what is added to the scores, and which rows see any key (None: all do)."""
    if mask is None and not seen:
        return None, None
    zero = torch.zeros((), dtype=queries.dtype)
    hidden = torch.full((), -math.inf, dtype=queries.dtype)
    total = zero
    if mask is not None:
        total = torch.where(mask, zero, hidden) if mask.dtype == torch.bool else mask
        missing = keys - mask.shape[-1]
        total = functional.pad(total, (0, missing), value=-math.inf) if missing else total
    for visible in seen:
        total = total + torch.where(visible, zero, hidden)
    sighted = (total > -math.inf).any(-1, keepdim=True)
    return torch.where(sighted, total, zero), sighted


def _seen(
    window: _Window, q: Tensor, keys: int, offset: int | Tensor, nonpad: Tensor | None
) -> list[Tensor]:
    visible = window.visible(q.shape[2], keys, offset)
    seen = [] if visible is None else [visible]
    if nonpad is not None:
        seen.append(torch.arange(keys) < nonpad.reshape(-1, 1, 1, 1))
    return seen


def _attention(  # noqa: PLR0913, PLR0917  (the signature of ONNX)
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    nonpad: Tensor | None = None,
    *,
    is_causal: int = 0,
    left_window_size: int = -1,
    right_window_size: int = -1,
    outputs: int,
    **attributes: Any,
) -> Tensor | tuple[Tensor, ...]:
    is_flat = q.dim() == 3  # noqa: PLR2004  (batch, tokens, width)
    groups = attributes.get("kv_num_heads", 0)
    q, k, v = _heads(q, attributes.get("q_num_heads", 0)), _heads(k, groups), _heads(v, groups)
    offset: int | Tensor = 0
    if past_key is not None and past_value is not None:
        k, v = torch.cat((past_key, k), 2), torch.cat((past_value, v), 2)
        offset = past_key.shape[2]
    elif nonpad is not None:
        offset = nonpad.reshape(-1, 1, 1, 1) - q.shape[2]
    window = _Window(bool(is_causal), left_window_size, right_window_size)
    seen = _seen(window, q, k.shape[2], offset, nonpad)
    bias, sighted = _bias(mask, seen, q, k.shape[2])
    result, shown = _weigh(q, k, v, bias, sighted, attributes)
    if is_flat:
        result = result.transpose(1, 2).reshape(result.shape[0], result.shape[2], -1)
    return result if outputs == 1 else (result, k, v, shown)


def _rounded(number: float, dtype: torch.dtype) -> float:
    return torch.tensor(number, dtype=dtype).item()


def _weigh(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    sighted: Tensor | None,
    attributes: dict[str, Any],
) -> tuple[Tensor, Tensor]:
    """Return the weighted values, and the matrix that `qk_matmul_output_mode` asks for."""
    share = q.shape[1] // k.shape[1]
    if share > 1:
        k, v = k.repeat_interleave(share, 1), v.repeat_interleave(share, 1)
    scale = attributes.get("scale")
    root = _rounded(math.sqrt(1 / math.sqrt(q.shape[-1]) if scale is None else scale), q.dtype)
    raw = torch.matmul(q * root, (k * root).transpose(-2, -1))
    cap = attributes.get("softcap", 0.0)
    capped = torch.tanh(raw / cap) * cap if cap > 0 else raw
    scores = capped if bias is None else capped + bias
    precision = attributes.get("softmax_precision")
    wide = scores if precision is None else scores.to(torch_dtype(precision))
    weights = softmax(wide).to(q.dtype)
    if sighted is not None:
        weights = torch.where(sighted, weights, torch.zeros((), dtype=q.dtype))
    shown = (raw, capped, scores, weights)[attributes.get("qk_matmul_output_mode", 0)]
    return torch.matmul(weights, v), shown


RULES: tuple[Rule, ...] = (Rule("Attention", _attention, since=23, counts_outputs=True),)
