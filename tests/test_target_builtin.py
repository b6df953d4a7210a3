"""What every built-in target keeps: sources, ranges and links with a price."""

import math

import pytest

from cost_models.check import check_target
from cost_models.load import at_numbers, builtin_targets, load_target
from cost_models.price import price_device
from tests.cost_examples import layer, work_of


@pytest.mark.parametrize("target", builtin_targets())
def test_every_number_of_the_built_ins_has_a_source(target: str) -> None:
    assert check_target(load_target(target)) == ()


@pytest.mark.parametrize("target", builtin_targets())
def test_the_ends_of_every_range_have_a_price(target: str) -> None:
    found = load_target(target)
    work = tuple(work_of(layer(57, 512, 384)).values())
    for item in found.ranges:
        for end in (item.low, item.high):
            for spec in at_numbers(found, {item.path: end}).devices:
                for cost in price_device(spec, work).tasks.values():
                    assert cost is None or math.isfinite(cost.latency_ns + cost.energy_pj)


@pytest.mark.parametrize("target", builtin_targets())
def test_links_take_time_and_energy(target: str) -> None:
    for link in load_target(target).links:
        assert 0 < link.bandwidth_bytes_per_ns < math.inf
        assert 0 <= link.latency_ns < math.inf
        assert 0 < link.energy_pj_per_bit < math.inf
