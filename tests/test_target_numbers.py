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
