"""Spectra: discrete Fourier transforms as products with cosines and sines, and mel filters.

Products rather than `torch.fft`: step graphs have no complex numbers, and a constant matrix can lie
in any accelerator.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.rule import Rule
from hptc.frontend.onnx_ops.types import torch_dtype


def _waves(rows: int, columns: int, length: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of 2 pi n k / length for n < rows and k < columns."""
    turns = torch.outer(torch.arange(rows), torch.arange(columns)) % length
    angle = turns.double() * (2 * math.pi / length)
    return torch.cos(angle).to(dtype), torch.sin(angle).to(dtype)


def _parts(x: Tensor, axis: int, length: int) -> tuple[Tensor, Tensor | None]:
    """Return real and imaginary part, `axis` last and cut or padded with zeros."""
    moved = x.movedim(axis, -1)
    missing = length - moved.shape[-1]
    moved = functional.pad(moved, [0, missing]) if missing > 0 else moved[..., :length]
    parts = moved.unbind(-2)
    return parts[0], parts[1] if len(parts) > 1 else None


def _forward(real: Tensor, imaginary: Tensor | None, length: int, bins: int) -> Tensor:
    """Transform the last axis; real and imaginary part become the axis after it."""
    cosine, sine = _waves(length, bins, length, real.dtype)
    first, second = real @ cosine, -(real @ sine)
    if imaginary is not None:
        first, second = first + imaginary @ sine, second + imaginary @ cosine
    return torch.stack((first, second), -1)


def _backward(real: Tensor, imaginary: Tensor | None, length: int) -> Tensor:
    cosine, sine = _waves(length, length, length, real.dtype)
    first, second = real @ cosine, real @ sine
    if imaginary is not None:
        first, second = first - imaginary @ sine, second + imaginary @ cosine
    return torch.stack((first, second), -1) / length


def _backward_onesided(real: Tensor, imaginary: Tensor | None, length: int) -> Tensor:
    """Return the real signal whose first half of the spectrum is given; the rest mirrors it."""
    bins = length // 2 + 1
    cosine, sine = _waves(bins, length, length, real.dtype)
    twice = torch.full((bins, 1), 2.0, dtype=real.dtype)
    alone = [0, length // 2] if length % 2 == 0 else [0]
    twice[alone] = 1.0
    signal = real @ (cosine * twice)
    if imaginary is not None:
        signal = signal - imaginary @ (sine * twice)
    return signal.unsqueeze(-1) / length


def _dft(
    x: Tensor,
    dft_length: int | None = None,
    axis: int = -2,
    *,
    inverse: int = 0,
    onesided: int = 0,
) -> Tensor:
    axis = axis % x.dim()
    if axis == x.dim() - 1:
        raise ValueError("the last axis holds real and imaginary part")
    mirrored = inverse and onesided
    size = x.shape[axis]
    length = dft_length or (2 * (size - 1) if mirrored else size)
    real, imaginary = _parts(x, axis, length // 2 + 1 if mirrored else length)
    if mirrored:
        result = _backward_onesided(real, imaginary, length)
    elif inverse:
        result = _backward(real, imaginary, length)
    else:
        result = _forward(real, imaginary, length, length // 2 + 1 if onesided else length)
    return result.movedim(-2, axis)


def _dft_by_attribute(x: Tensor, dft_length: int | None = None, **attributes: int) -> Tensor:
    """Before opset 20: the axis is an attribute, and the one after the batch if absent."""
    return _dft(x, dft_length, attributes.pop("axis", 1), **attributes)


def _stft(
    signal: Tensor,
    frame_step: int,
    window: Tensor | None = None,
    frame_length: int | None = None,
    *,
    onesided: int = 1,
) -> Tensor:
    signal = signal.unsqueeze(-1) if signal.dim() == 2 else signal  # noqa: PLR2004  (batch, time)
    length = frame_length or (signal.shape[1] if window is None else window.shape[0])
    frames = signal.unfold(1, length, frame_step)
    if window is not None:
        short = window[:length]
        frames = frames[..., : short.shape[0]] * short
    real, imaginary = _parts(frames.movedim(-1, 2), 2, length)
    return _forward(real, imaginary, length, length // 2 + 1 if onesided else length)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _mel_weights(
    num_mel_bins: int,
    dft_length: int,
    sample_rate: int,
    lower_edge_hertz: float,
    upper_edge_hertz: float,
    *,
    output_datatype: int = 1,
) -> Tensor:
    """Triangles between neighbouring edges; an empty rising side is one at its centre."""
    low, high = _mel(lower_edge_hertz), _mel(upper_edge_hertz)
    mels = torch.arange(num_mel_bins + 2).double() * ((high - low) / (num_mel_bins + 2)) + low
    hertz = 700 * (torch.pow(10, mels / 2595) - 1)
    edges = torch.floor((dft_length + 1) * hertz / sample_rate)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    place = torch.arange(dft_length // 2 + 1).double().unsqueeze(1)
    rising = (place - left) / torch.clamp(centre - left, min=1)
    falling = (right - place) / torch.clamp(right - centre, min=1)
    peak = (place == centre).double()
    rises = torch.where((place >= left) & (place < centre), rising, peak)
    weights = torch.where((place >= centre) & (place < right), falling, rises)
    return weights.to(torch_dtype(output_datatype))


RULES: tuple[Rule, ...] = (
    Rule("DFT", _dft_by_attribute, since=17, until=19, static=(1,)),
    Rule("DFT", _dft, since=20, static=(1, 2)),
    Rule("MelWeightMatrix", _mel_weights, since=17, static=(0, 1, 2, 3, 4)),
    Rule("STFT", _stft, since=17, static=(1, 3)),
)
