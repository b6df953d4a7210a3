"""Every number of every kind of device and wire: what may stand there."""

import tomllib
from collections.abc import Mapping
from functools import cache

import pytest

from cost_models.document import parse_document
from cost_models.link import LinkTable
from cost_models.load import builtin_targets, load_target
from cost_models.ranges import numeric_keys, tables_of
from cost_models.registry import KINDS
from hptc.errors import TargetError

BAD: tuple[object, ...] = (
    float("nan"), float("inf"), -1, True, "3", {"low": 1},
    1e300, 10**400,
)  # fmt: skip
NUMBERS = sorted((kind, key) for kind, entry in KINDS.items() for key in numeric_keys(entry.params))
HEAD: dict[str, object] = {"schema_version": 1, "name": "mine"}


@cache
def _table(kind: str) -> Mapping[str, object]:
    """The table of a built-in device with typical numbers in the place of ranges."""
    return {"kind": kind, **load_target(kind).devices[0].table}


def _refuses(document: Mapping[str, object], key: str) -> None:
    with pytest.raises(TargetError, match=key) as error:
        parse_document(document, "mine.toml")
    assert "mine.toml" in str(error.value)


@pytest.mark.parametrize(("kind", "key"), NUMBERS)
def test_what_is_no_number_of_a_device_is_refused(kind: str, key: str) -> None:
    for bad in BAD:
        _refuses({**HEAD, "devices": {"d": {**_table(kind), key: bad}}}, key)


@pytest.mark.parametrize(("kind", "key"), NUMBERS)
def test_a_whole_number_will_do_where_a_fraction_may_stand(kind: str, key: str) -> None:
    value = _table(kind).get(key)
    if isinstance(value, float) and value.is_integer():
        table = {**_table(kind), key: int(value)}
        assert parse_document({**HEAD, "devices": {"d": table}}, "mine.toml")


@pytest.mark.parametrize("key", sorted(numeric_keys(LinkTable)))
def test_what_is_no_number_of_a_link_is_refused(key: str) -> None:
    document = tomllib.loads(load_target("hybrid-stack").toml)
    for bad in BAD:
        _refuses({**document, "links": [{**document["links"][0], key: bad}]}, key)


@pytest.mark.parametrize("name", builtin_targets())
def test_every_number_of_a_built_in_target_has_a_source(name: str) -> None:
    for place, model, table in tables_of(tomllib.loads(load_target(name).toml)):
        sources = table.get("sources")
        assert isinstance(sources, dict)
        assert (numeric_keys(model) & table.keys()) <= sources.keys(), place


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("reram", {"adcs_per_array": 129}, "adcs_per_array"),
        ("reram", {"crossbars": 7, "arrays_per_pe": 4}, "crossbars = 7, arrays_per_pe = 4"),
        (
            "reram",
            {"crossbars": 9, "arrays_per_pe": 3, "weight_encoding": "differential"},
            "x 2 of a pair = 6, found crossbars = 9",
        ),
        ("reram", {"dac_bits": 2}, "dac_bits = 1 in input_mode bit-serial.*found .*dac_bits = 2"),
        ("reram", {"lrs_ohm": 2e4, "hrs_ohm": 1e4}, "lrs_ohm below hrs_ohm"),
        ("reram", {"read_voltage_v": 1.0}, "lrs_ohm and hrs_ohm"),
        ("reram", {"endurance_writes": 0.5}, "endurance_writes"),
        ("reram", {"adc_bits": {"low": 9, "typical": 8, "high": 10}}, "low <= typical <= high"),
        ("gpu", {"static_power_w": 900.0}, "static_power_w below tdp_w"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(
    kind: str, changes: dict[str, object], message: str
) -> None:
    _refuses({**HEAD, "devices": {"d": {**_table(kind), **changes}}}, message)
