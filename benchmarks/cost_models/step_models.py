"""The transformers of the whole-model table, as eager torch runs them, without weights.

Sizes are those of the configuration files that NeuSight measured (sitar-lab/NeuSight 6945927,
scripts/asplos/data/DLmodel_configs); the operations are those of the eager attention of Hugging
Face transformers, which it ran: scores, scale, mask, softmax and dropout are kernels of their own.
Modules live on the meta device: they have shapes and no data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.cost_models.step_modules import Dropout, heads_apart, heads_joined
from benchmarks.cost_models.step_switch import BLOCKS, SPARSE_EVERY, Switch


@dataclass(frozen=True, slots=True)
class Sizes:
    """What tells the models of a family apart."""

    hidden: int
    heads: int
    ffn: int
    vocabulary: int
    positions: int


class BertLayer(nn.Module):
    """Post-norm encoder layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, self.heads = sizes.hidden, sizes.heads
        self.query, self.key, self.value, self.dense = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, sizes.ffn), nn.Linear(sizes.ffn, width)
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = Dropout()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (
            heads_apart(f(x), self.heads) for f in (self.query, self.key, self.value)
        )
        scores = torch.matmul(query, key.transpose(-1, -2)) / query.shape[-1] ** 0.5
        shares = self.drop(torch.softmax(scores + mask, -1))
        x = self.norm_1(self.drop(self.dense(heads_joined(torch.matmul(shares, value)))) + x)
        return self.norm_2(self.drop(self.down(functional.gelu(self.up(x)))) + x)  # type: ignore[no-any-return]


class Bert(nn.Module):
    """BERT with its pre-training heads, or in inference with a classifier."""

    def __init__(self, sizes: Sizes, layers: int) -> None:
        super().__init__()
        width = sizes.hidden
        self.words = nn.Embedding(sizes.vocabulary, width)
        self.types = nn.Embedding(2, width)
        self.places = nn.Embedding(sizes.positions, width)
        self.norm, self.drop = nn.LayerNorm(width), Dropout()
        self.layers = nn.ModuleList(BertLayer(sizes) for _ in range(layers))
        self.pooler, self.pair = nn.Linear(width, width), nn.Linear(width, 2)
        self.transform, self.transform_norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.decoder = nn.Linear(width, sizes.vocabulary)
        self.decoder.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        mask = (1.0 - torch.ones_like(tokens)[:, None, None, :].float()) * -1e38
        place = torch.arange(tokens.shape[1], device=tokens.device)[None]
        x = self.words(tokens) + self.types(torch.zeros_like(tokens)) + self.places(place)
        x = self.drop(self.norm(x))
        for layer in self.layers:
            x = layer(x, mask)
        pooled = self.pair(torch.tanh(self.pooler(x[:, 0])))
        if not self.training:
            return pooled  # type: ignore[no-any-return]
        return self.decoder(self.transform_norm(functional.gelu(self.transform(x))))  # type: ignore[no-any-return]


class Projection(nn.Module):
    """A linear layer of GPT-2, which stores its matrix transposed."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        flat = torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight)
        return flat.view(*x.shape[:-1], -1)


def _gelu(x: Tensor) -> Tensor:
    """The tanh form, one kernel an operation."""
    return 0.5 * x * (1.0 + torch.tanh(0.7978845608 * (x + 0.044715 * torch.pow(x, 3.0))))


class GptLayer(nn.Module):
    """Pre-norm decoder layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, self.heads = sizes.hidden, sizes.heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.project = Projection(width, 3 * width), Projection(width, width)
        self.up, self.down = Projection(width, sizes.ffn), Projection(sizes.ffn, width)
        self.drop = Dropout()

    def forward(self, x: Tensor, causal: Tensor) -> Tensor:
        parts = self.attend(self.norm_1(x)).split(x.shape[-1], -1)
        query, key, value = (heads_apart(part, self.heads) for part in parts)
        scores = torch.matmul(query, key.transpose(-1, -2))
        scores = scores / torch.full((), query.shape[-1] ** 0.5, device=x.device)
        scores = torch.where(causal, scores, torch.full((), -1e38, device=x.device))
        shares = self.drop(torch.softmax(scores, -1))
        x = self.drop(self.project(heads_joined(torch.matmul(shares, value)))) + x
        return x + self.drop(self.down(_gelu(self.up(self.norm_2(x)))))  # type: ignore[no-any-return]


class Gpt(nn.Module):
    """GPT-2 and GPT-3 shapes with a language-model head tied to the embedding."""

    causal: Tensor

    def __init__(self, sizes: Sizes, layers: int) -> None:
        super().__init__()
        self.words = nn.Embedding(sizes.vocabulary, sizes.hidden)
        self.places = nn.Embedding(sizes.positions, sizes.hidden)
        self.drop, self.norm = Dropout(), nn.LayerNorm(sizes.hidden)
        self.layers = nn.ModuleList(GptLayer(sizes) for _ in range(layers))
        self.register_buffer("causal", torch.empty(1, 1, sizes.positions, sizes.positions).bool())
        self.head = nn.Linear(sizes.hidden, sizes.vocabulary, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        x = self.words(tokens) + self.places(torch.arange(length, device=tokens.device)[None])
        x = self.drop(x)
        for layer in self.layers:
            x = layer(x, self.causal[:, :, :length, :length])
        return self.head(self.norm(x))  # type: ignore[no-any-return]


class OptLayer(nn.Module):
    """Pre-norm decoder layer that scales the query and clamps the masked scores."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, self.heads = sizes.hidden, sizes.heads
        self.query, self.key, self.value, self.project = (nn.Linear(width, width) for _ in range(4))
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, sizes.ffn), nn.Linear(sizes.ffn, width)
        self.drop = Dropout()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        normed, (batch, length, width) = self.norm_1(x), x.shape
        query = self.query(normed) * (width // self.heads) ** -0.5
        query, key, value = (
            heads_apart(part, self.heads).contiguous().flatten(0, 1)
            for part in (query, self.key(normed), self.value(normed))
        )
        scores = torch.bmm(query, key.transpose(1, 2)).view(batch, self.heads, length, length)
        scores = torch.max(scores + mask, torch.empty((), device=x.device))
        shares = torch.softmax(scores.view(-1, length, length), -1)  # dropout 0 starts no kernel
        heads = torch.bmm(shares, value).view(batch, self.heads, length, -1)
        x = x + self.drop(self.project(heads.transpose(1, 2).reshape(batch, length, width)))
        flat = x.reshape(-1, width)
        flat = flat + self.drop(self.down(torch.relu(self.up(self.norm_2(flat)))))
        return flat.view(batch, length, width)  # type: ignore[no-any-return]


class Opt(nn.Module):
    """OPT with a language-model head tied to the embedding."""

    def __init__(self, sizes: Sizes, layers: int) -> None:
        super().__init__()
        self.words = nn.Embedding(sizes.vocabulary, sizes.hidden)
        self.places = nn.Embedding(sizes.positions + 2, sizes.hidden)
        self.layers = nn.ModuleList(OptLayer(sizes) for _ in range(layers))
        self.norm = nn.LayerNorm(sizes.hidden)
        self.head = nn.Linear(sizes.hidden, sizes.vocabulary, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        batch, length = tokens.shape
        mask = torch.empty(batch, 1, length, length, device=tokens.device)
        seen = torch.ones_like(tokens)
        x = self.words(tokens) + self.places(torch.cumsum(seen, 1) * seen + 1)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(self.norm(x)).contiguous()  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Described:
    """A model of any depth, and the depth that was measured."""

    build: Callable[[int], nn.Module]
    layers: int
    period: int = 1
    """Layers until they repeat."""


MODELS: Mapping[str, Described] = {
    "bert_large": Described(partial(Bert, Sizes(1024, 16, 4096, 30522, 512)), 24),
    "gpt2_large": Described(partial(Gpt, Sizes(1280, 20, 5120, 50257, 1024)), 36),
    "gpt3_xl": Described(partial(Gpt, Sizes(3072, 24, 12288, 50257, 2048)), 24),
    "gpt3_27": Described(partial(Gpt, Sizes(2560, 32, 10240, 50257, 2048)), 32),
    "opt_13": Described(partial(Opt, Sizes(2048, 32, 8192, 50272, 2048)), 24),
    "switchxl4": Described(Switch, BLOCKS, SPARSE_EVERY),
}
"""Models by their name in the table."""
