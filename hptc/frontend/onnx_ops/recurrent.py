"""RNN, GRU and LSTM, unrolled over their steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hptc.frontend.onnx_ops.rule import Rule

State = tuple[Tensor, ...]
Activation = Callable[[Tensor], Tensor]

_PLAIN: dict[str, Activation] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "tanh": torch.tanh,
}
_SCALED: dict[str, Callable[..., Activation]] = {
    "affine": lambda a, b: lambda x: a * x + b,
    "elu": lambda a: lambda x: functional.elu(x, a),
    "hardsigmoid": lambda a, b: lambda x: torch.clamp(a * x + b, 0.0, 1.0),
    "leakyrelu": lambda a: lambda x: functional.leaky_relu(x, a),
    "scaledtanh": lambda a, b: lambda x: a * torch.tanh(b * x),
    "thresholdedrelu": lambda a: lambda x: torch.where(x > a, x, torch.zeros_like(x)),
}
_DEFAULTS: dict[str, tuple[float, ...]] = {
    "affine": (1.0, 0.0),
    "elu": (1.0,),
    "hardsigmoid": (0.2, 0.5),
    "leakyrelu": (0.01,),
    "scaledtanh": (1.0, 1.0),
    "thresholdedrelu": (1.0,),
}
"""Alpha and, where the activation has one, beta."""


@dataclass(frozen=True)
class _Direction:
    """The weights and activations of one direction."""

    w: Tensor
    r: Tensor
    input_bias: Tensor
    hidden_bias: Tensor
    peepholes: tuple[Tensor, ...]
    acts: tuple[Activation, ...]
    clip: float | None
    flag: int
    """`linear_before_reset` of GRU, `input_forget` of LSTM."""

    def bounded(self, x: Tensor) -> Tensor:
        """Clip what enters an activation."""
        return x if self.clip is None else torch.clamp(x, -self.clip, self.clip)


def _rnn_cell(one: _Direction, x: Tensor, state: State) -> State:
    (h,) = state
    inner = x + one.input_bias + h @ one.r.T + one.hidden_bias
    return (one.acts[0](one.bounded(inner)),)


def _gru_cell(one: _Direction, x: Tensor, state: State) -> State:
    (h,) = state
    xz, xr, xh = (x + one.input_bias).chunk(3, -1)
    rz, rr, rh = one.r.chunk(3)
    bz, br, bh = one.hidden_bias.chunk(3)
    update = one.acts[0](one.bounded(xz + h @ rz.T + bz))
    reset = one.acts[0](one.bounded(xr + h @ rr.T + br))
    past = reset * (h @ rh.T + bh) if one.flag else (reset * h) @ rh.T + bh
    fresh = one.acts[1](one.bounded(xh + past))
    return ((1 - update) * fresh + update * h,)


def _lstm_cell(one: _Direction, x: Tensor, state: State) -> State:
    h, c = state
    inner = x + one.input_bias + h @ one.r.T + one.hidden_bias
    i, o, f, g = inner.chunk(4, -1)
    f_gate, g_act, h_act = one.acts
    peep_i, peep_o, peep_f = one.peepholes or (0.0, 0.0, 0.0)
    enter = f_gate(one.bounded(i + peep_i * c))
    keep = 1 - enter if one.flag else f_gate(one.bounded(f + peep_f * c))
    c = keep * c + enter * g_act(one.bounded(g))
    leave = f_gate(one.bounded(o + peep_o * c))
    return leave * h_act(c), c


@dataclass(frozen=True)
class _Kind:
    cell: Callable[[_Direction, Tensor, State], State]
    gates: int
    states: int
    activations: tuple[str, ...]


_RNN = _Kind(_rnn_cell, 1, 1, ("Tanh",))
_GRU = _Kind(_gru_cell, 3, 1, ("Sigmoid", "Tanh"))
_LSTM = _Kind(_lstm_cell, 4, 2, ("Sigmoid", "Tanh", "Tanh"))


def _activations(kind: _Kind, directions: int, attributes: dict[str, Any]) -> list[Activation]:
    """Return the activations; each takes the next alpha and beta, if it has such."""
    names = attributes.get("activations") or kind.activations * directions
    given = [list(attributes.get(f"activation_{which}", ())) for which in ("alpha", "beta")]
    found = []
    for name in names:
        key = name.lower()
        if key in _PLAIN:
            found.append(_PLAIN[key])
            continue
        pairs = zip(given, _DEFAULTS[key], strict=False)
        found.append(_SCALED[key](*(left.pop(0) if left else usual for left, usual in pairs)))
    return found


def _scan(
    kind: _Kind, one: _Direction, x: Tensor, state: State, kept: Tensor | None
) -> tuple[Tensor, State]:
    """Return the hidden states of all steps and the last state; ended rows stand still."""
    projected = functional.linear(x, one.w)
    hidden: list[Tensor] = []
    for t in range(x.shape[0]):
        new = kind.cell(one, projected[t], state)
        if kept is None:
            state = new
            hidden.append(new[0])
        else:
            state = tuple(torch.where(kept[t], n, s) for n, s in zip(new, state, strict=True))
            hidden.append(torch.where(kept[t], new[0], torch.zeros_like(new[0])))
    return torch.stack(hidden), state


def _reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse the steps; with lengths, only those before the end of each row."""
    if lengths is None:
        return torch.flip(x, (0,))
    time = torch.arange(x.shape[0]).unsqueeze(1)
    source = torch.where(time < lengths, lengths - 1 - time, time).long()
    return torch.gather(x, 0, source.unsqueeze(-1).expand(x.shape))


def _run(kind: _Kind, operands: tuple[Tensor | None, ...], attributes: dict[str, Any]) -> State:
    given: list[Tensor | None] = [*operands, *[None] * (8 - len(operands))]
    x, w, r, bias, lengths, hidden, cell, peepholes = given
    if x is None or w is None or r is None:
        raise ValueError("inputs X, W and R are required")
    batch_first = attributes.get("layout", 0)
    x = x.transpose(0, 1) if batch_first else x
    size = r.shape[-1]
    acts = _activations(kind, w.shape[0], attributes)
    share = len(kind.activations)
    kept = None
    if lengths is not None:
        kept = (torch.arange(x.shape[0]).unsqueeze(1) < lengths).unsqueeze(-1)
    outputs, finals = [], []
    for d in range(w.shape[0]):
        one = _Direction(
            w[d],
            r[d],
            *_biases(bias, d, kind.gates * size, x),
            peepholes=() if peepholes is None else tuple(peepholes[d].chunk(3)),
            acts=tuple(acts[d * share : (d + 1) * share]),
            clip=attributes.get("clip"),
            flag=attributes.get("linear_before_reset", attributes.get("input_forget", 0)),
        )
        state = _start(
            (hidden, cell)[: kind.states], d, x.new_zeros((x.shape[1], size)), batch_first
        )
        backward = d == 1 or attributes.get("direction", "forward") == "reverse"
        steps, last = _scan(kind, one, _reverse(x, lengths) if backward else x, state, kept)
        outputs.append(_reverse(steps, lengths) if backward else steps)
        finals.append(last)
    return _arrange(outputs, finals, batch_first)


def _start(given: tuple[Tensor | None, ...], d: int, zero: Tensor, batch_first: int) -> State:
    return tuple(zero if s is None else s[:, d] if batch_first else s[d] for s in given)


def _biases(bias: Tensor | None, d: int, width: int, x: Tensor) -> tuple[Tensor, Tensor]:
    if bias is None:
        zero = x.new_zeros(width)
        return zero, zero
    return bias[d, :width], bias[d, width:]


def _arrange(outputs: list[Tensor], finals: list[State], batch_first: int) -> State:
    """Return Y [step, direction, batch, size] and the last states, batch first if asked for."""
    y = torch.stack(outputs, 1)
    last = tuple(torch.stack(states) for states in zip(*finals, strict=True))
    if not batch_first:
        return (y, *last)
    return (y.permute(2, 0, 1, 3), *(s.transpose(0, 1) for s in last))


def _rule(kind: _Kind) -> Callable[..., Any]:
    def run(*operands: Tensor | None, hidden_size: int = 0, outputs: int, **attributes: Any) -> Any:
        results = _run(kind, operands, attributes)
        return results[0] if outputs == 1 else results

    return run


RULES: tuple[Rule, ...] = (
    Rule("GRU", _rule(_GRU), counts_outputs=True),
    Rule("LSTM", _rule(_LSTM), counts_outputs=True),
    Rule("RNN", _rule(_RNN), counts_outputs=True),
)
