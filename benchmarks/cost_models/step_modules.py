"""Parts that the models of the whole-model table share."""

import torch
from torch import Tensor, nn

DROPOUT = 0.1


class Dropout(nn.Module):
    """One kernel that draws and scales, as on a GPU (on other devices torch takes several)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.native_dropout(x, DROPOUT, True)[0] if self.training else x


def heads_apart(x: Tensor, heads: int) -> Tensor:
    """Return [batch, heads, length, width] as a view of [batch, length, heads * width]."""
    return x.view(*x.shape[:-1], heads, -1).transpose(1, 2)


def heads_joined(x: Tensor) -> Tensor:
    """Return [batch, length, heads * width], copied together."""
    return x.transpose(1, 2).contiguous().flatten(2)
