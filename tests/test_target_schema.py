"""The JSON Schema of targets against what the loader takes and refuses."""

import json
import tomllib
from copy import deepcopy
from importlib.resources import files
from typing import Any

import pytest

from cost_models.load import base_targets, builtin_targets, load_target
from cost_models.schema import target_schema
from tests.json_schema import accepts
from tests.target_examples import MINE, WIRE

SCHEMA = target_schema()
HYBRID = tomllib.loads(load_target("hybrid").toml)
FOLDER = files("cost_models").joinpath("targets")


@pytest.mark.parametrize("name", builtin_targets())
def test_the_schema_takes_every_target_as_written_and_as_resolved(name: str) -> None:
    written = tomllib.loads(FOLDER.joinpath(f"{name}.toml").read_text())
    assert accepts(SCHEMA, written, SCHEMA)
    assert accepts(SCHEMA, tomllib.loads(load_target(name).toml), SCHEMA)


@pytest.mark.parametrize("name", base_targets())
def test_the_schema_takes_what_others_extend(name: str) -> None:
    text = FOLDER.joinpath("bases", f"{name}.toml").read_text()
    assert accepts(SCHEMA, tomllib.loads(text), SCHEMA)


def test_the_schema_takes_extends_presets_and_ranges() -> None:
    text = MINE + 'extends = ["systolic", "./x.toml"]\n' + WIRE
    text += "energy_pj_per_bit = {low = 0, typical = 1, high = 2}\n"
    assert accepts(SCHEMA, tomllib.loads(text), SCHEMA)
    assert accepts(SCHEMA, tomllib.loads(MINE + '[topology]\nkind = "bus"\n'), SCHEMA)


def _set(place: str, value: object) -> dict[str, Any]:
    """The hybrid target with a value changed."""
    document = deepcopy(HYBRID)
    table: Any = document
    *path, last = place.split("/")
    for key in path:
        table = table[int(key) if isinstance(table, list) else key]
    table[last] = value
    return document


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("schema_version", 2),
        ("name", 3),
        ("colour", "red"),
        ("extends", 3),
        ("extends", [3]),
        ("devices", {}),
        ("devices/gpu/kind", "tpu"),
        ("devices/gpu", 3),
        ("devices/reram/rows", 0),
        ("devices/reram/rows", 1.5),
        ("devices/reram/rows", True),
        ("devices/reram/rows", "128"),
        ("devices/reram/rows", {"low": 1, "typical": 2}),
        ("devices/reram/rows", {"low": 0, "typical": 2, "high": 3}),
        ("devices/reram/array_read_us", 1),
        ("devices/reram/sources/rows", 3),
        ("devices/reram/validation", {"colour": "red"}),
        ("devices/reram/input_mode", "serial"),
        ("links/0/latency_ns", -1),
        ("links/0/bandwidth_bytes_per_ns", 0),
        ("links/0/preset", "pcie9"),
        ("links/0/validation", {"colour": "red"}),
        ("links/0/colour", "red"),
        ("links/0/src", 3),
        ("links", [{"src": "gpu"}]),
        ("topology", {"preset": "noc-mesh"}),
        ("topology", {"kind": "ring"}),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(place: str, value: object) -> None:
    assert not accepts(SCHEMA, _set(place, value), SCHEMA)


def test_the_schema_says_what_keys_mean() -> None:
    text = json.dumps(SCHEMA)
    for meaning in (
        "Rows driven at a time",
        "Drawn for as long as",
        "Each way.",
        "Writes of the hot",
    ):
        assert meaning in text
