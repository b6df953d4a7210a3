"""The four station models of HpT (Dahal et al. 2025): SWE, COVID, wind and weather.

One token per station: an embedding, a post-LN encoder with ReLU feed-forward layers, the embedding
beside the encoder's output, a chain of linear reductions, and a dense decoder over all stations.
Shapes are those of the authors' public code; three things that it gets wrong are left out: it gives
all tokens of a sample one position code, its wind model broadcasts 2-D activations to 57 x 57
tokens, and joins embedding and encoder output along the tokens.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Size:
    """Extents of a station model."""

    stations: int
    features: int
    d_model: int
    layers: int
    heads: int
    ffn_factor: int
    """Width of the feed-forward layer / `d_model`."""
    reductions: tuple[int, ...]
    """Features per station after each linear reduction, of 2 `d_model` in."""
    decoder: tuple[int, ...]
    """Hidden widths of the decoder, of stations x last reduction in and `stations` out."""


@dataclass(frozen=True, slots=True)
class Application:
    """One application at the size of the paper, and small."""

    name: str
    paper: Size
    small: Size


SWE = Application(
    "swe",
    Size(323, 19, 512, 12, 16, 4, (256, 256, 128, 16), (1292,)),
    Size(24, 19, 64, 2, 4, 4, (32, 32, 16, 8), (96,)),
)
WEATHER = Application(
    "weather",
    Size(29, 13, 512, 12, 16, 4, (256, 256, 128, 64), (928,)),
    Size(8, 13, 64, 2, 4, 4, (32, 32, 16, 8), (32,)),
)
COVID = Application(
    "covid",
    Size(50, 19, 512, 12, 8, 4, (256, 64), (512, 256)),
    Size(10, 19, 64, 2, 2, 4, (32, 8), (64, 32)),
)
WIND = Application(
    "wind",
    Size(57, 12, 512, 12, 8, 2, (128, 64), (512, 128)),
    Size(12, 12, 64, 2, 2, 2, (16, 8), (64, 16)),
)
APPLICATIONS = (SWE, COVID, WIND, WEATHER)

HEADS = r"^(embedding|reduction|decoder)\."
"""Parameters that stay trained in the phase `low`, as the pattern of `--train`."""


class Attention(nn.Module):
    """Multi-head self-attention with separate projections."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(d_model, d_model)
        self.k = nn.Linear(d_model, d_model)
        self.v = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.q, self.k, self.v)
        )
        weights = functional.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), dim=-1)
        mixed: Tensor = self.out((weights @ v).transpose(1, 2).flatten(2))
        return mixed


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each followed by dropout, residual and layer norm."""

    def __init__(self, size: Size, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(size.d_model, size.heads)
        self.norm1 = nn.LayerNorm(size.d_model)
        self.ffn1 = nn.Linear(size.d_model, size.ffn_factor * size.d_model)
        self.ffn2 = nn.Linear(size.ffn_factor * size.d_model, size.d_model)
        self.norm2 = nn.LayerNorm(size.d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.dropout(self.attention(x)))
        inner = functional.relu(self.ffn1(x))
        result: Tensor = self.norm2(x + self.dropout(self.ffn2(inner)))
        return result


class StationModel(nn.Module):
    """One value per station from features per station.

    Args of `forward`: x [batch, stations, features]; returns [batch, stations].
    """

    positions: Tensor

    def __init__(self, size: Size, dropout: float = 0.1) -> None:
        super().__init__()
        half = size.d_model // 2
        self.embedding = nn.Sequential(
            nn.Linear(size.features, half), nn.GELU(), nn.Linear(half, size.d_model), nn.GELU()
        )
        self.register_buffer("positions", sinusoids(size.stations, size.d_model))
        self.backbone = nn.Sequential(*(EncoderLayer(size, dropout) for _ in range(size.layers)))
        self.reduction = nn.Sequential(*_chain((2 * size.d_model, *size.reductions)), nn.ReLU())
        flat = size.stations * size.reductions[-1]
        self.decoder = nn.Sequential(*_chain((flat, *size.decoder, size.stations), nn.GELU))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        embedded = self.embedding(x)
        encoded = self.backbone(self.dropout(embedded + self.positions))
        reduced = self.reduction(torch.cat((encoded, embedded), dim=-1))
        predicted: Tensor = self.decoder(self.dropout(reduced).flatten(1))
        return predicted


def _chain(
    widths: tuple[int, ...], activation: type[nn.Module] | None = None
) -> Iterator[nn.Module]:
    """Yield linear maps from width to width, with the activation between them."""
    for index, (inner, outer) in enumerate(pairwise(widths)):
        if index and activation:
            yield activation()
        yield nn.Linear(inner, outer)


def sinusoids(tokens: int, d_model: int) -> Tensor:
    """Return the position codes of Vaswani et al. (2017), sec. 3.5, [tokens, d_model]."""
    rates = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
    angles = torch.arange(tokens)[:, None] * rates
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)


@dataclass(frozen=True, slots=True)
class Case:
    """A model in evaluation mode, with an example of what enters its training step."""

    model: StationModel
    inputs: tuple[Tensor, ...]
    target: Tensor


def build(application: Application, size: Size, seed: int = 0) -> Case:
    """Return a model with random weights, and standard normal data of its shapes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = StationModel(size).eval()
        x = torch.randn(1, size.stations, size.features)
        target = torch.randn(1, size.stations)
    return Case(model, (x,), target)
