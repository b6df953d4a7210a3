import pytest
import torch
from torch import nn

from benchmarks.applications.models import (
    APPLICATIONS,
    COVID,
    SWE,
    WEATHER,
    WIND,
    Application,
    Size,
    StationModel,
    build,
)

FEATURES_JOINED = 65_536
"""What joining along the features, not the tokens, adds to the wind model's first reduction."""
PAPER_COUNTS = (
    (SWE, 37_828_608, 7_595_843),
    (WEATHER, 37_828_608, 2_254_749),
    (COVID, 37_828_608, 2_198_642),
    (WIND, 25_233_408, 2_150_137 + FEATURES_JOINED),
)
every_application = pytest.mark.parametrize("application", APPLICATIONS, ids=lambda a: a.name)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("application", "backbone", "head"), PAPER_COUNTS, ids=lambda item: getattr(item, "name", "")
)
def test_paper_size_has_the_parameters_of_the_authors_code(
    application: Application, backbone: int, head: int
) -> None:
    with torch.device("meta"):
        model = StationModel(application.paper)
    assert count(model.backbone) == backbone
    assert count(model) - count(model.backbone) == head


@every_application
def test_small_size_keeps_the_make_of_the_paper(application: Application) -> None:
    def make(size: Size) -> tuple[int, ...]:
        return size.features, size.ffn_factor, len(size.reductions), len(size.decoder)

    assert make(application.small) == make(application.paper)


@every_application
def test_one_value_per_station_and_a_gradient_for_every_parameter(
    application: Application,
) -> None:
    case = build(application, application.small)
    output = case.model(*case.inputs)
    assert output.shape == case.target.shape == (1, application.small.stations)
    loss = nn.functional.mse_loss(output, case.target)
    parameters = dict(case.model.named_parameters())
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    for name, gradient in zip(parameters, gradients, strict=True):
        # softmax does not see what is added to all keys
        if not name.endswith("attention.k.bias"):
            assert gradient.abs().max() > 1e-9, name


@every_application
def test_samples_of_a_batch_do_not_mix(application: Application) -> None:
    model = StationModel(application.small).eval()
    x = torch.randn(3, application.small.stations, application.small.features)
    apart = torch.cat([model(sample[None]) for sample in x])
    assert torch.allclose(model(x), apart, atol=1e-6)


def test_stations_differ_by_their_position() -> None:
    case = build(SWE, SWE.small)
    same = case.inputs[0][:, :1].expand_as(case.inputs[0])
    encoded = case.model.backbone(case.model.embedding(same) + case.model.positions)
    assert torch.pdist(encoded[0].detach()).min() > 1e-3
    case.model.positions.zero_()
    encoded = case.model.backbone(case.model.embedding(same) + case.model.positions)
    assert torch.pdist(encoded[0].detach()).max() < 1e-4


def test_same_seed_same_case() -> None:
    one, other, third = build(WIND, WIND.small), build(WIND, WIND.small), build(WIND, WIND.small, 1)
    assert torch.equal(one.model(*one.inputs), other.model(*other.inputs))
    assert not torch.equal(one.inputs[0], third.inputs[0])
