"""Makes `wind.onnx`: a small spatio-temporal attention model with random weights.

Stations are tokens; each carries its past hours of wind speed, and the model predicts the next
hour at every station. The shape follows the wind application of HpT (57 stations, 12 past hours;
Dahal et al., IEEE TPDS 2025) at a small width. `python examples/make_wind.py` writes it again.
"""

import math
from pathlib import Path

import torch
from torch import Tensor, nn

STATIONS = 57
HOURS = 12
WIDTH = 64
HEADS = 4
BLOCKS = 3
SEED = 2025


class Attention(nn.Module):
    """Multi-head self-attention over stations, [B, S, D] to [B, S, D]."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.output = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Attend from every station to every other."""
        query, key, value = (
            projection(x).unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(-2, -1) / math.sqrt(WIDTH // HEADS)
        context = torch.softmax(scores, dim=-1) @ value
        mixed: Tensor = self.output(context.transpose(1, 2).flatten(2))
        return mixed


class Block(nn.Module):
    """Encoder block with layer normalisation after each residual, as in HpT."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, 2 * WIDTH)
        self.down = nn.Linear(2 * WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Mix over stations, then over features."""
        x = self.norm1(x + self.attention(x))
        mixed: Tensor = self.norm2(x + self.down(torch.relu(self.up(x))))
        return mixed


class Wind(nn.Module):
    """Next-hour wind speed at every station, [B, S, H] to [B, S]."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(HOURS, WIDTH)
        self.station = nn.Parameter(0.02 * torch.randn(STATIONS, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from the last hours."""
        hidden = self.embedding(x) + self.station
        for block in self.blocks:
            hidden = block(hidden)
        prediction: Tensor = self.head(hidden)
        return prediction.squeeze(-1)


def main() -> None:
    """Write `wind.onnx` beside this file."""
    torch.manual_seed(SEED)
    # optimize=False keeps the parameters' names.
    program = torch.onnx.export(
        Wind().eval(),
        (torch.randn(1, STATIONS, HOURS),),
        input_names=["speed"],
        output_names=["next_speed"],
        opset_version=20,
        dynamo=True,
        optimize=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    program.save(Path(__file__).with_name("wind.onnx"), external_data=False)


if __name__ == "__main__":
    main()
