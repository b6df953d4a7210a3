"""The Switch Transformer of the whole-model table, as NeuSight ran it, without weights.

Sizes: sitar-lab/NeuSight 6945927, scripts/asplos/data/DLmodel_configs/switchxl4.json. There every
expert multiplies a full buffer of `CAPACITY` rows a sequence, whatever was routed to it, and the
host waits for the device to know which rows those are.
"""

import torch
from torch import Tensor, nn

from benchmarks.cost_models.step_modules import Dropout, heads_apart, heads_joined

WIDTH, HEADS, HEAD_WIDTH, FFN, VOCABULARY = 1024, 32, 128, 16384, 32128
BLOCKS = 24
"""Of the encoder, and as many of the decoder."""
EXPERTS, CAPACITY, SPARSE_EVERY = 4, 64, 2
BUCKETS = 32


class RmsNorm(nn.Module):
    """One kernel an operation."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Attention(nn.Module):
    """Attention without biases; adds what it is given to the scores."""

    def __init__(self) -> None:
        super().__init__()
        inner = HEADS * HEAD_WIDTH
        self.query, self.key, self.value = (nn.Linear(WIDTH, inner, bias=False) for _ in range(3))
        self.project = nn.Linear(inner, WIDTH, bias=False)
        self.norm, self.drop = RmsNorm(), Dropout()

    def forward(self, x: Tensor, bias: Tensor, memory: Tensor | None = None) -> Tensor:
        normed = self.norm(x)
        read = normed if memory is None else memory
        query, key, value = (
            heads_apart(part, HEADS)
            for part in (self.query(normed), self.key(read), self.value(read))
        )
        scores = torch.matmul(query, key.transpose(-1, -2))
        scores += bias
        shares = self.drop(torch.softmax(scores, -1))
        return x + self.drop(self.project(heads_joined(torch.matmul(shares, value))))  # type: ignore[no-any-return]


class Dense(nn.Module):
    """Two layers with a rectifier between."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(WIDTH, FFN, bias=False), nn.Linear(FFN, WIDTH, bias=False)
        self.drop = Dropout()

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.drop(torch.relu(self.up(x))))  # type: ignore[no-any-return]


def _rows(mask: Tensor, count: int) -> Tensor:
    """Which rows a mask chooses: torch's indexing by a mask, for which the host waits."""
    return torch.nonzero_static(mask, size=count)[:, 0]


def _host_reads(mask: Tensor) -> None:
    """A number on the device as the end of a slice, for which the host waits."""
    torch.nonzero_static(mask, size=1)


def _filled(buffer: Tensor, rows: Tensor) -> Tensor:
    """The first rows of a copy of the buffer, replaced."""
    _host_reads(rows)
    return buffer.clone().slice_scatter(rows)


class Sparse(nn.Module):
    """Experts in turn, each on the rows that the router gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(WIDTH, EXPERTS, bias=False)
        self.experts = nn.ModuleList(Dense() for _ in range(EXPERTS))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        routed = x * torch.empty_like(x).uniform_(0.99, 1.01) if self.training else x
        shares = torch.softmax(self.router(routed), -1)
        chosen = nn.functional.one_hot(torch.argmax(shares, -1), EXPERTS)
        chosen = chosen * (torch.cumsum(chosen, -2) <= CAPACITY)
        flat, result = x.view(-1, width), x.clone().view(-1, width)
        buffer = torch.zeros(batch * CAPACITY, width, device=x.device)
        for index, expert in enumerate(self.experts):
            mask = chosen[..., index].bool().view(-1)
            torch.count_nonzero(mask)
            rows = _rows(mask, len(buffer))
            buffer = expert(_filled(buffer, flat[rows]))
            rows = _rows(mask, len(buffer))
            _host_reads(mask)
            result = result.index_put((rows,), buffer)
        share = torch.max(shares, -1, keepdim=True).values
        return share * result.view(batch, length, width)


class Block(nn.Module):
    """Attention, attention to the encoder in a decoder, and a dense or sparse layer."""

    def __init__(self, *, sparse: bool, decoder: bool) -> None:
        super().__init__()
        self.attend = Attention()
        self.look = Attention() if decoder else None
        self.norm, self.feed = RmsNorm(), Sparse() if sparse else Dense()
        self.drop = Dropout()

    def forward(self, x: Tensor, bias: Tensor, memory: Tensor | None, flat: Tensor) -> Tensor:
        x = self.attend(x, bias)
        if self.look is not None:
            x = self.look(x, flat, memory)
        return x + self.drop(self.feed(self.norm(x)))  # type: ignore[no-any-return]


class Stack(nn.Module):
    """An encoder or a decoder."""

    def __init__(self, words: nn.Embedding, blocks: int, *, decoder: bool) -> None:
        super().__init__()
        self.words, self.places = words, nn.Embedding(BUCKETS, HEADS)
        self.blocks = nn.ModuleList(
            Block(sparse=index % SPARSE_EVERY == 1, decoder=decoder) for index in range(blocks)
        )
        self.norm, self.drop = RmsNorm(), Dropout()

    def forward(self, tokens: Tensor, memory: Tensor | None = None) -> Tensor:
        length = tokens.shape[1]
        buckets = torch.zeros(length, length, dtype=torch.int64, device=tokens.device)
        bias = self.places(buckets).permute(2, 0, 1)[None]
        mask = torch.zeros(len(tokens), 1, 1, length, device=tokens.device)
        bias = bias + mask
        flat = torch.zeros(1, HEADS, length, length, device=tokens.device) + mask
        x = self.drop(self.words(tokens))
        for block in self.blocks:
            x = block(x, bias, memory, flat)
        return self.drop(self.norm(x))  # type: ignore[no-any-return]


class Switch(nn.Module):
    """Encoder, decoder and a head tied to the embedding; the decoder reads the same tokens."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.encoder, self.decoder = (
            Stack(self.words, blocks, decoder=decoder) for decoder in (False, True)
        )
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.decoder(tokens, self.encoder(tokens)) * WIDTH**-0.5)  # type: ignore[no-any-return]
