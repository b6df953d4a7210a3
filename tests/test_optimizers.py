"""Optimizers and clipping in captured steps, against torch's own over consecutive steps."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import Parameter, functional

from hptc.errors import UsageError
from hptc.frontend.optimizers import optimizer_text, parse_optimizer
from hptc.frontend.recipe import Recipe
from hptc.ir.graph import Phase
from hptc.ir.names import LR, STEP
from hptc.runtime.reference_optimizer import Updating, torch_optimizer
from tests.evaluate import Captured, captured

Make = Callable[..., torch.optim.Optimizer]

OPTIMIZERS: Mapping[str, Make] = {
    "sgd": torch.optim.SGD,
    "sgd:weight_decay=0.1": partial(torch.optim.SGD, weight_decay=0.1),
    "sgd:momentum=0.9,weight_decay=0.1": partial(torch.optim.SGD, momentum=0.9, weight_decay=0.1),
    "sgd:momentum=0.9,dampening=0.3": partial(torch.optim.SGD, momentum=0.9, dampening=0.3),
    "sgd:momentum=0.8,nesterov=true": partial(torch.optim.SGD, momentum=0.8, nesterov=True),
    "adam": torch.optim.Adam,
    "adam:beta1=0,weight_decay=0.1": partial(
        torch.optim.Adam, betas=(0.0, 0.999), weight_decay=0.1
    ),
    "adamw": torch.optim.AdamW,
    "adamw:beta1=0.8,beta2=0.9,eps=1e-6,weight_decay=0.2": partial(
        torch.optim.AdamW, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.2
    ),
    "adamw:weight_decay=0": partial(torch.optim.AdamW, weight_decay=0.0),
    "adafactor": torch.optim.Adafactor,
    "adafactor:beta2_decay=-0.5,eps1=1e-5,eps2=0.01,d=2,weight_decay=0.1": partial(
        torch.optim.Adafactor, beta2_decay=-0.5, eps=(1e-5, 0.01), d=2.0, weight_decay=0.1
    ),
}


class Mixed(nn.Module):
    """Parameters of no axis, one, two and four, one of nothing and one that is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.conv = nn.Conv2d(2, 3, 2)
        self.head = nn.Linear(12, 4)
        self.empty = nn.Parameter(torch.zeros(0, 4))
        self.unused = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(torch.tanh(self.conv(x)).flatten(1)) * self.scale
        return y + self.empty.sum()


INPUTS = (torch.linspace(-1, 1, 90).reshape(5, 2, 3, 3),)
TARGET = torch.linspace(2, -1, 20).reshape(5, 4)
RATE = 0.01


@pytest.fixture
def module() -> Mixed:
    torch.manual_seed(0)
    return Mixed()


States = list[dict[str, Tensor]]
STEPS = 10


def steps_of_ours(taken: Captured, inputs: tuple[Tensor, ...], target: Tensor) -> States:
    states: States = [{}]
    for number in range(1, STEPS + 1):
        others = {STEP: torch.tensor(float(number)), LR: torch.tensor(RATE), "target": target}
        states.append(taken.step(Phase.FULL, inputs, **states[-1], **others).new)
    return states[1:]


def steps_of_torch(
    module: nn.Module, make: Make, inputs: tuple[Tensor, ...], target: Tensor, clip: float | None
) -> States:
    leaves = [leaf for leaf in module.parameters() if leaf.numel()]  # Adafactor divides by it
    optimizer, states = make(leaves, lr=RATE), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.autograd.backward(functional.mse_loss(module(*inputs), target))
        if clip is not None:
            nn.utils.clip_grad_norm_(leaves, clip)
        optimizer.step()
        states.append({n: p.detach().clone() for n, p in module.named_parameters()})
    return states


def close(ours: States, theirs: States, limit: float) -> None:
    for number in (1, 2, 3, 10):
        expected = theirs[number - 1]
        largest = max(float(tensor.abs().max()) for tensor in expected.values() if tensor.numel())
        for name, tensor in ours[number - 1].items():
            if name in expected and tensor.numel():
                error = float((tensor.double() - expected[name].double()).abs().max())
                assert error <= limit * largest, (number, name)


@pytest.mark.parametrize("text", OPTIMIZERS)
def test_ten_steps_equal_those_of_torch(text: str, module: Mixed) -> None:
    taken = captured(module, INPUTS, Phase.FULL, recipe=Recipe(optimizer=parse_optimizer(text)))
    ours = steps_of_ours(taken, INPUTS, TARGET)
    close(ours, steps_of_torch(module, OPTIMIZERS[text], INPUTS, TARGET, None), 1e-6)
    assert taken.result.graphs[Phase.FULL].readers[LR]  # an input, like the count: no constant
    assert "unused" not in ours[0]
    assert {name for name in ours[0] if "/" not in name} == {
        name for name, _ in module.named_parameters() if name != "unused"
    }


@pytest.mark.parametrize("clip", [0.05, 100.0])
def test_clipping_by_the_norm_of_all_gradients(clip: float, module: Mixed) -> None:
    recipe = Recipe(optimizer=parse_optimizer("sgd:momentum=0.9"), clip_norm=clip)
    taken = captured(module, INPUTS, Phase.FULL, recipe=recipe)
    step = taken.step(Phase.FULL, INPUTS, target=TARGET)
    leaves = {name: module.get_parameter(name) for name in step.gradients}
    loss = functional.mse_loss(module(*INPUTS), TARGET)
    for name, gradient in zip(
        leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True
    ):
        torch.testing.assert_close(step.gradients[name], gradient)  # as they were before
    make = partial(torch.optim.SGD, momentum=0.9)
    ours = steps_of_ours(taken, INPUTS, TARGET)
    close(ours, steps_of_torch(module, make, INPUTS, TARGET, clip), 1e-6)


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("sgd:momentum=0.9,dampening=0.5", torch.float64),
        ("adam:eps=1e-4", torch.bfloat16),
        ("adafactor", torch.float16),
        ("adafactor", torch.float64),
    ],
)
def test_other_element_types(text: str, dtype: torch.dtype, module: Mixed) -> None:
    module.to(dtype)
    inputs, target = (INPUTS[0].to(dtype),), TARGET.to(dtype)
    recipe = Recipe(optimizer=parse_optimizer(text), clip_norm=0.5)
    taken = captured(module, inputs, Phase.FULL, recipe=recipe)
    ours = steps_of_ours(taken, inputs, target)
    assert {tensor.dtype for tensor in ours[-1].values()} == {dtype}
    make = partial(torch_optimizer, Updating(text, RATE))
    limit = 1e-7 if dtype is torch.float64 else 8 * torch.finfo(dtype).eps
    close(ours, steps_of_torch(module, lambda p, lr: make(p), inputs, target, 0.5), limit)


def test_adafactor_keeps_rows_and_columns(module: Mixed) -> None:
    recipe = Recipe(optimizer=parse_optimizer("adafactor"))
    graph = captured(module, INPUTS, Phase.FULL, recipe=recipe).result.graphs[Phase.FULL]
    shapes = {v.name: v.shape for v in graph.values if v.name.endswith("conv.weight")}
    assert shapes == {
        "conv.weight": (3, 2, 2, 2),
        "row_var/conv.weight": (3, 2, 2, 1),
        "col_var/conv.weight": (3, 2, 1, 2),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nope", "one of sgd, adam, adamw, adafactor, found 'nope'"),
        ("sgd:speed=1", "momentum or dampening or weight_decay or nesterov, found 'speed'"),
        ("sgd:momentum", "NAME:key=value,..., found 'momentum'"),
        ("sgd:momentum=0.9,momentum=0.8", "found 'momentum' twice"),
        ("sgd:momentum=-1", "momentum: greater than or equal to 0, found '-1'"),
        ("sgd:momentum=nan", "momentum: a finite number, found 'nan'"),
        ("sgd:nesterov=true", "nesterov=true with a momentum above 0 and no dampening"),
        ("sgd:momentum=1,nesterov=maybe", "nesterov: a valid boolean"),
        ("adam:beta2=1", "beta2: less than 1"),
        ("adafactor:d=0.5", "d: greater than or equal to 1"),
        ("adafactor:beta2_decay=0.8", "beta2_decay: less than or equal to 0"),
    ],
)
def test_settings_are_checked(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_optimizer(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", OPTIMIZERS)
def test_the_full_text_names_the_same_optimizer(text: str) -> None:
    rule = parse_optimizer(text)
    assert parse_optimizer(optimizer_text(rule)) == rule
    assert optimizer_text(parse_optimizer("sgd:nesterov=true,momentum=0.9")) == (
        "sgd:momentum=0.9,dampening=0.0,weight_decay=0.0,nesterov=true"
    )


@pytest.mark.parametrize("text", OPTIMIZERS)
def test_the_oracle_is_torch_with_the_same_settings(text: str, module: Mixed) -> None:
    def moved(make: Callable[[Iterable[Parameter]], torch.optim.Optimizer]) -> list[Tensor]:
        leaves = [Parameter(p.detach().clone()) for p in module.parameters() if p.numel()]
        for leaf in leaves:
            leaf.grad = torch.linspace(-1, 1, leaf.numel()).reshape(leaf.shape)
        make(leaves).step()
        return [leaf.detach() for leaf in leaves]

    ours = moved(lambda leaves: torch_optimizer(Updating(text, RATE), leaves))
    for found, expected in zip(ours, moved(partial(OPTIMIZERS[text], lr=RATE)), strict=True):
        assert found.equal(expected)
