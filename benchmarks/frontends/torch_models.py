"""Modules whose step graphs have something of their own: statistics, recurrence, two attentions."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from benchmarks.frontends.cases import Case, module_case, stir


class ConvNet(nn.Module):
    """Residual convolutions with batch norm."""

    def __init__(self, channels: int = 8, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.inner = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.down = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
        self.head = nn.Linear(2 * channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.stem(x)))
        x = torch.relu(x + self.norm2(self.inner(x)))
        scores: Tensor = self.head(torch.relu(self.down(x)).mean((2, 3)))
        return scores


class Recurrent(nn.Module):
    """A two-layer GRU that reads a series and predicts each next value."""

    def __init__(self, features: int = 4, hidden: int = 16) -> None:
        super().__init__()
        self.gru = nn.GRU(features, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        predicted: Tensor = self.head(self.gru(x)[0])
        return predicted


class SpatioTemporal(nn.Module):
    """Attention among stations at each time, then among times at each station.

    Args of `forward`: x [batch, times, stations, features] and the time of day of each step,
    an integer [batch, times]; returns [batch, stations].
    """

    def __init__(self, stations: int = 6, times: int = 4, width: int = 16) -> None:
        super().__init__()
        self.embed = nn.Linear(3, width)
        self.station = nn.Parameter(0.1 * torch.randn(stations, width))
        self.hour = nn.Embedding(24, width)
        self.spatial = nn.MultiheadAttention(width, 2, batch_first=True)
        self.temporal = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.head = nn.Linear(times * width, 1)

    def forward(self, x: Tensor, hours: Tensor) -> Tensor:
        h = self.embed(x) + self.station + self.hour(hours)[:, :, None]
        flat = h.flatten(0, 1)
        mixed = self.spatial(flat, flat, flat, need_weights=False)[0].reshape(h.shape)
        h = self.norm1(h + mixed).transpose(1, 2)
        flat = h.flatten(0, 1)
        causal = torch.ones(h.shape[2], h.shape[2], dtype=torch.bool).triu(1)
        mixed = self.temporal(flat, flat, flat, attn_mask=causal, need_weights=False)[0]
        h = self.norm2(h + mixed.reshape(h.shape))
        predicted: Tensor = self.head(h.flatten(2)).squeeze(-1)
        return predicted


def torch_cases() -> Iterator[Case]:
    """Yield the modules; the conv net is in training mode."""
    torch.manual_seed(0)
    images = torch.randn(4, 3, 8, 8)
    yield module_case("conv-batch-norm", stir(ConvNet()).train(), (images,), "cross_entropy")
    yield module_case("gru", stir(Recurrent()).eval(), (torch.randn(2, 6, 4),), "mse")
    readings, hours = torch.randn(2, 4, 6, 3), torch.randint(0, 24, (2, 4))
    yield module_case("spatio-temporal", stir(SpatioTemporal()).eval(), (readings, hours), "mse")
