"""Models and bundles that several tests share; each is made once."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Each process of the tests has a core. Processes that they start are told too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, settings

from tests.command_line import WIND, hptc
from tests.small_onnx import BATCH, WIDTH, small_model

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@dataclass(frozen=True)
class Compiled:
    """A bundle and what `compile --json` said of it."""

    path: Path
    report: dict[str, Any]


@pytest.fixture(scope="session")
def small_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(small_model(), path)
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, small_onnx: Path) -> Compiled:
    return compiled(small_onnx, tmp_path_factory.mktemp("small") / "small.hptc")


@pytest.fixture(scope="session")
def wind(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return compiled(WIND, tmp_path_factory.mktemp("wind") / "wind.hptc")


def compiled(model: Path, path: Path) -> Compiled:
    done = hptc("compile", model, "-o", path, "--time-limit", "4", "--json")
    assert done.code == 0, done.err
    return Compiled(path, json.loads(done.out))


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Samples of a function that the small model can learn, a step each."""
    generator = np.random.default_rng(3)
    x = generator.standard_normal((20, BATCH, WIDTH)).astype(np.float32)
    y = np.maximum(x @ generator.standard_normal((WIDTH, WIDTH)).astype(np.float32), 0)
    path = tmp_path_factory.mktemp("data") / "data.npz"
    np.savez(path, in_0=x, target=y)
    return path
