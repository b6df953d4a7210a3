"""torch models of every signature and with every kind of state, against torch autograd."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.fx import symbolic_trace
from torch.nn import functional
from torch.nn.utils import parametrizations

import hptc
from hptc.frontend.capture import Selection, capture
from hptc.frontend.flatten import ExampleInputs
from hptc.frontend.recipe import Recipe
from hptc.frontend.source import ModelLike, read_source
from hptc.frontend.torch import load_program
from hptc.ir.graph import Phase
from tests.evaluate import ALL, AUTO, Captured, captured

X = torch.linspace(-1, 1, 12).reshape(3, 4)


class Arguments(nn.Module):
    """Takes containers, constants and named arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(
        self,
        x: Tensor,
        more: dict[str, list[Tensor]],
        power: int = 1,
        *,
        scale: Tensor | None = None,
    ) -> Tensor:
        y: Tensor = self.inner(x) + more["shifts"][0] * more["shifts"][1]
        return (y if scale is None else y * scale) ** power


MORE = {"shifts": [torch.ones(4), torch.full((4,), 2.0)]}
CALLS: dict[str, ExampleInputs] = {
    "positional": (X, MORE),
    "a constant": (X, MORE, 2),
    "named, in another order": {"scale": torch.full((4,), 0.5), "more": MORE, "x": X},
}


def _loaded(
    model: ModelLike, inputs: ExampleInputs | None, phase: Phase, output: int = 0
) -> Captured:
    source = read_source(model, inputs, {}, Selection())
    return Captured(
        source.model, capture(source.model, [phase], Recipe(output=output), [AUTO], ALL)
    )


def _called(module: nn.Module, inputs: ExampleInputs) -> Any:
    return module(**inputs) if isinstance(inputs, dict) else module(*inputs)


def _gradients(module: nn.Module, output: Tensor) -> dict[str, Tensor]:
    loss = functional.mse_loss(output, torch.zeros_like(output))
    named = [(name, item) for name, item in module.named_parameters() if item.requires_grad]
    found = torch.autograd.grad(loss, [item for _, item in named], allow_unused=True)
    return {name: g for (name, _), g in zip(named, found, strict=True) if g is not None}


@pytest.mark.parametrize("call", CALLS)
def test_calls_of_every_form(call: str) -> None:
    module, inputs = Arguments(), CALLS[call]
    taken = _loaded(module, inputs, Phase.FULL)
    step = taken.step(Phase.FULL, taken.model.inputs, target=torch.zeros(3, 4))
    output = _called(module, inputs)
    torch.testing.assert_close(step.output(), output.detach())
    torch.testing.assert_close(step.gradients, _gradients(module, output))
    assert set(taken.model.input_names) <= {"x", "more_shifts_0", "more_shifts_1", "scale"}


@dataclass
class Data:
    first: Tensor
    second: Tensor


class Pair(NamedTuple):
    left: Tensor
    right: Tensor | None


torch.export.register_dataclass(Data)

FORMS: dict[str, tuple[Callable[[Tensor, Tensor], object], tuple[str, ...]]] = {
    "one": (lambda a, b: a + b, ("output",)),
    "a tuple": (lambda a, b: (a, b), ("output_0", "output_1")),
    "none and a number between": (lambda a, b: [a, None, 3, b], ("output_0", "output_3")),
    "a dict": (lambda a, b: {"logits": a, "hidden": b}, ("logits", "hidden")),
    "nested": (lambda a, b: {"x": [a, {"y": b}]}, ("x.0", "x.1.y")),
    "a dataclass": (Data, ("first", "second")),
    "a named tuple": (lambda a, b: Pair(b, None), ("left",)),
    "names with a meaning": (lambda a, b: {"loss": a, "grad/x": b}, ("loss", "grad/x")),
}


class Returns(nn.Module):
    def __init__(self, form: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 2), nn.Linear(4, 3)
        self.form = form

    def forward(self, x: Tensor) -> object:
        a, b = self.a(x), self.b(x)
        return self.form(a, b.sum(-1, keepdim=True) * a if self.form is FORMS["one"][0] else b)


@pytest.mark.parametrize("form", FORMS)
def test_outputs_of_every_form(form: str) -> None:
    module, names = Returns(FORMS[form][0]), FORMS[form][1]
    leaves = [x for x in torch.utils._pytree.tree_leaves(module(X)) if isinstance(x, Tensor)]
    for index, leaf in enumerate(leaves):
        taken = _loaded(module, (X,), Phase.FULL, output=index)
        assert taken.model.output_names == names
        assert (
            taken.model.output_index(names[index]) == index == taken.model.output_index(str(index))
        )
        step = taken.step(Phase.FULL, (X,), target=torch.zeros_like(leaf))
        torch.testing.assert_close(step.output(), leaf.detach())
        torch.testing.assert_close(step.gradients, _gradients(module, leaf))


def test_inference_has_every_output() -> None:
    inner = Returns(FORMS["names with a meaning"][0])
    step = _loaded(inner, (X,), Phase.INFER, output=1).step(Phase.INFER, (X,))
    outputs = {named.name: step.output(named.name) for named in step.graph.outputs}
    a, b = inner.a(X).detach(), inner.b(X).detach()
    torch.testing.assert_close(outputs, {"output": b, "output_0": a, "output_1": b})


def test_a_program_is_left_as_it_was(tmp_path: Path) -> None:
    module = Arguments()
    program = torch.export.export(module, (X, MORE, 2), strict=False)
    load_program(program)
    torch.testing.assert_close(program.module()(X, MORE, 2), module(X, MORE, 2))
    torch.export.save(program, tmp_path / "model.pt2")
    for model in (program, tmp_path / "model.pt2"):
        taken = _loaded(model, None, Phase.FULL)
        step = taken.step(Phase.FULL, taken.model.inputs, target=torch.zeros(3, 4))
        torch.testing.assert_close(step.gradients, _gradients(module, module(X, MORE, 2)))


def test_graph_modules() -> None:
    module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    exported = torch.export.export(module, (X,), strict=False).module()
    for form in (symbolic_trace(module), exported):
        step = _loaded(form, (X,), Phase.FULL).step(Phase.FULL, (X,), target=torch.zeros(3, 2))
        torch.testing.assert_close(step.gradients, _gradients(module, module(X)))


def test_a_structure_of_the_users_own_is_not_needed_again() -> None:
    program = hptc.compile(
        Returns(FORMS["a dataclass"][0]), {"x": X}, target="gpu", output="second", time_limit_s=2
    )
    assert program.bundle.options["outputs"] == ["first", "second"]
    assert program.bundle.reference is not None
    loaded = torch.export.load(io.BytesIO(program.bundle.reference.data))
    assert [tuple(item.shape) for item in loaded.module()(X)] == [(3, 2), (3, 3)]
    assert program.verify()["ok"]


class Shared(nn.Module):
    """One layer under two names, a weight of it tied elsewhere, one parameter used nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.again = self.first
        self.other = nn.Linear(4, 4)
        self.other.weight = self.first.weight
        self.idle = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.other(torch.tanh(self.again(torch.tanh(self.first(x)))))
        return y


class Stateful(nn.Module):
    """Buffers that are kept or not, counted, averaged and shifted in place."""

    scale: Tensor
    calls: Tensor
    history: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("scale", torch.full((4,), 3.0), persistent=False)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("history", torch.zeros(2, 4), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        y = self.norm(self.inner(x)) * self.scale + self.history[0]
        self.history[0] = self.history[1]
        self.history[1].copy_(y.detach().mean(0))
        result: Tensor = y / self.calls
        return result


class Functional(nn.Module):
    """Calls a module with weights that it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.gain = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        weights = {name: item * self.gain for name, item in self.inner.named_parameters()}
        result: Tensor = torch.func.functional_call(self.inner, weights, (x,))
        return result


class Detached(nn.Module):
    """Lets no gradient through some parts, one of which goes through a buffer."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 4), nn.Linear(4, 4)
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.inner(x)
        with torch.no_grad():
            scale = self.outer(y)
            with torch.enable_grad():
                y = y + self.outer(y)
            self.mean.mul_(0.5).add_(y.mean(0))
            same = y
        result: Tensor = y * scale + self.mean * self.outer(x).detach() + self.outer(same)
        return result


MODELS: dict[str, Callable[[], nn.Module]] = {
    "shared, tied, idle": Shared,
    "buffers": Stateful,
    "no gradient": Detached,
    "functional call": Functional,
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(4, 4)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(4, 4)),
    "spectral norm, evaluating": lambda: parametrizations.spectral_norm(nn.Linear(4, 4)).eval(),
    "frozen": lambda: nn.Sequential(
        nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4).requires_grad_(False)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_state_of_every_kind(name: str) -> None:
    module = MODELS[name]()
    taken = captured(module, (X,), Phase.FULL)
    step = taken.step(Phase.FULL, (X,), target=torch.zeros(3, 4))
    output = module(X)
    torch.testing.assert_close(step.output(), output.detach())
    expected = _gradients(module, output)
    torch.testing.assert_close(step.gradients, expected)
    assert set(step.graph.trained) == set(expected)
    buffers = {n: item for n, item in module.named_buffers() if n in step.new}
    torch.testing.assert_close({n: step.new[n] for n in buffers}, buffers)
    written = {"history", "calls", "norm.num_batches_tracked", "norm.running_mean"}
    assert name != "buffers" or written < set(buffers)


@pytest.mark.parametrize("name", ["shared, tied, idle", "buffers", "no gradient"])
def test_the_oracle_agrees(name: str) -> None:
    program = hptc.compile(MODELS[name](), (X,), target="gpu", phases=("full",), time_limit_s=1)
    found = program.verify()
    assert found["ok"], found
