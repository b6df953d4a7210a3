"""Small torch models for the tests of the capture."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class TwoOutputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 3)
        self.b = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.a(x), self.b(x)


class Language(nn.Module):
    """An embedding and a head, tied or not."""

    def __init__(self, *, tied: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 6)
        self.mix = nn.Linear(6, 6)
        self.head = nn.Linear(6, 10, bias=False)
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(self.mix(self.embed(tokens))))
        return logits


def split_heads(x: Tensor) -> Tensor:
    return torch.unflatten(x, -1, (2, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def written_out(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    return torch.softmax(scores, -1) @ v


def einsum_written(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / q.shape[-1] ** 0.5
    return torch.einsum("bhqk,bhkd->bhqd", scores.softmax(-1), v)


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(q, k, v)


def causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


ATTENTIONS = {f.__name__: f for f in (written_out, einsum_written, fused, causal)}


class Attention(nn.Module):
    """Separate projections, two heads."""

    def __init__(self, attend: str = "written_out") -> None:
        super().__init__()
        self.attend = ATTENTIONS[attend]
        self.query = nn.Linear(8, 8)
        self.key = nn.Linear(8, 8)
        self.value = nn.Linear(8, 8)
        self.out = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (split_heads(layer(x)) for layer in (self.query, self.key, self.value))
        y: Tensor = self.out(merge_heads(self.attend(q, k, v)))
        return y


class FusedQkv(nn.Module):
    """One projection for queries, keys and values."""

    def __init__(self, attend: str = "written_out") -> None:
        super().__init__()
        self.attend = ATTENTIONS[attend]
        self.qkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (split_heads(part) for part in self.qkv(x).chunk(3, -1))
        y: Tensor = self.out(merge_heads(self.attend(q, k, v)))
        return y


class Block(nn.Module):
    """Attention, then a feed-forward net, with residuals and norms."""

    def __init__(self, attend: str = "written_out") -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.attn = Attention(attend)
        self.up = nn.Linear(8, 16)
        self.down = nn.Linear(16, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm(x))
        y: Tensor = x + self.down(functional.gelu(self.up(x)))
        return y


class MatMul(nn.Module):
    """A bare product with a weight stored [in, out], then one stored [out, in]."""

    def __init__(self) -> None:
        super().__init__()
        self.right = nn.Parameter(torch.randn(4, 6))
        self.left = nn.Parameter(torch.randn(3, 6))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x @ self.right) @ self.left.T


class InPlace(nn.Module):
    """Writes into its activations, and counts its calls in a buffer."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        y: Tensor = self.a(x)
        y[:, 0] = 0
        y.mul_(2)
        return y.masked_fill(x > 0, 0.0)


class FirstOutput(nn.Module):
    """The first output of a module that has several."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: Tensor) -> Tensor:
        result: Tensor = self.inner(*inputs)[0]
        return result


class Side(nn.Module):
    """Several modules on one input, their results side by side."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.modules_ = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([module(x).flatten(1) for module in self.modules_], 1)


class Selected(nn.Module):
    """One place of a sequence and a shifted window, through a causal mask."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(8, 8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.inner(x).roll(2, 1)
        mixed = (self.outer(x).softmax(-1).tril() @ hidden).log_softmax(1)
        result: Tensor = mixed[:, -1] + hidden.select(-2, 1)
        return result


class AttentionLayer(nn.Module):
    """Attention written out, a sum, a norm and a head of two numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = (split_heads(part(x)) for part in (self.q, self.k, self.v))
        y: Tensor = self.head(self.norm(x + merge_heads(written_out(*parts))))
        return y
