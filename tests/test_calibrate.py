import json
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from math import exp
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner

from cost_models.load import load_target
from hptc.calibrate import fit, run
from hptc.calibrate.fit import STAGES, Sample, error_pct, fit_stages, modelled_ns
from hptc.calibrate.probes import Probe, Sizes, products, streams
from hptc.calibrate.timing import CpuClock, CudaClock, arithmetic
from hptc.cli.app import app

SMALL = Sizes(edge=512, elements=2**20)
TINY = Sizes(edge=32, elements=2**12)


def table_of(name: str) -> Mapping[str, object]:
    return load_target(name).device("gpu").table


def samples_of(truth: Mapping[str, object], probes: tuple[Probe, ...]) -> list[Sample]:
    return [Sample(probe, modelled_ns(truth, probe)) for probe in probes]


def fitted_from(samples: list[Sample], truth: Mapping[str, object]) -> dict[str, object]:
    """Fit from the A100's parameters."""
    other = table_of("gpu-a100")
    start = {**truth, **{key: other[key] for stage in STAGES for key in stage.keys}}
    fits = fit_stages(start, samples)
    return {**start, **{key: value for item in fits for key, value in item.values.items()}}


def test_parameters_are_recovered_from_times_of_the_model() -> None:
    truth = table_of("gpu-v100")
    found = fitted_from(samples_of(truth, streams(SMALL)), truth)
    for key in ("elementwise_efficiency", "kernel_floor_ns", "softmax_efficiency", "norm_row_ns"):
        assert found[key] == pytest.approx(truth[key], rel=0.02)


def test_times_of_products_are_predicted_where_none_was_taken() -> None:
    truth = table_of("gpu-v100")
    probes = products("fp32", Sizes(edge=2048, elements=2**20))
    found = fitted_from(samples_of(truth, probes[::2]), truth)
    assert error_pct(found, samples_of(truth, probes[1::2])) < 5


def test_noise_stays_in_the_error_that_is_reported() -> None:
    truth, draw = table_of("gpu-v100"), Random(1)
    noisy = [
        Sample(sample.probe, sample.time_ns * exp(draw.gauss(0.0, 0.1)))
        for sample in samples_of(truth, streams(SMALL))
        if sample.probe.group == "element-wise"
    ]
    (found,) = fit_stages(table_of("gpu-a100"), noisy)
    assert 3 < found.error_pct < 20


def test_every_probe_runs_and_is_priced() -> None:
    for probe in (*streams(TINY), *products("fp32", TINY), *products("bf16", TINY)):
        assert modelled_ns(table_of("gpu-a100"), probe) > 0


def test_tf32_is_allowed_for_its_products_alone() -> None:
    before = torch.get_float32_matmul_precision()
    with arithmetic("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    with arithmetic("fp32"):
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.get_float32_matmul_precision() == before


def test_a_clock_runs_what_it_times() -> None:
    ran: list[int] = []
    assert CpuClock().device_ns(lambda: ran.append(1)) >= 0
    assert ran


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(run.SIZES, "cpu", TINY)
    monkeypatch.setitem(run.SIZES, "cuda", TINY)
    monkeypatch.setitem(fit.OPTIONS, "maxiter", 3)


def calibrate(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["target", "calibrate", *arguments])
    return result.exit_code, result.output


@pytest.mark.usefixtures("quick")
def test_a_processor_becomes_a_target(tmp_path: Path) -> None:
    path = tmp_path / "host.toml"
    code, output = calibrate("--device", "cpu", "--tdp-w", "65", "--name", "host", "-o", str(path))
    assert code == 0, output
    target = load_target(str(path))
    assert target.name == "host"
    own = tomllib.loads(path.read_text())["devices"]["gpu"]
    numbers = {key for key, value in own.items() if isinstance(value, int | float)}
    assert numbers <= own["sources"].keys()
    assert own["tdp_w"] == 65.0
    told = own["validation"]["latency_products_fp32"]
    assert told.startswith("product fp32")
    assert "; batched product fp32" in told
    assert "parameters of a GPU" in tomllib.loads(path.read_text())["description"]

    code, output = calibrate("--device", "cpu", "--tdp-w", "65", "-o", str(path))
    assert (code, "a name that is not taken" in output) == (2, True)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--device", "tpu"), "expected cuda or cpu, found 'tpu'"),
        (("--device", "cpu"), "--tdp-w: expected the thermal design power in W"),
        (("--device", "cpu", "--tdp-w", "-3"), "expected a power above 0 W"),
        (("--device", "cpu", "--tdp-w", "nan"), "expected a power above 0 W"),
    ],
)
def test_what_cannot_be_calibrated_is_told(
    arguments: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.toml"
    code, output = calibrate(*arguments, "-o", str(path))
    assert (code, told in output) == (2, True), output
    assert not path.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")
def test_no_gpu_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    code, output = calibrate("-o", str(tmp_path / "x.toml"))
    assert code == 2
    assert "expected a CUDA GPU that torch can use" in output
    assert "--device cpu" in output


class FakeEvent:
    """An event of the host's clock."""

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.time_ns = 0

    def record(self) -> None:
        self.time_ns = time.perf_counter_ns()

    def elapsed_time(self, end: "FakeEvent") -> float:
        return (end.time_ns - self.time_ns) / 1e6


class FakeGraph:
    """A graph that replays nothing."""

    def replay(self) -> None:
        """Do nothing."""


PROPERTIES = SimpleNamespace(
    major=8, minor=0, multi_processor_count=108, max_threads_per_multi_processor=2048,
    shared_memory_per_multiprocessor=167936, L2_cache_size=40 << 20, uuid="a-b-c",
)  # fmt: skip


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in for CUDA on the processor, for a machine without."""
    for name, value in {
        "is_available": lambda: True,
        "Event": FakeEvent,
        "CUDAGraph": FakeGraph,
        "graph": nullcontext,
        "synchronize": lambda: None,
        "_sleep": lambda cycles: None,
        "mem_get_info": lambda: (1 << 18, 1 << 20),
        "get_device_name": lambda: "Test GPU 80GB",
        "get_device_capability": lambda: (8, 0),
        "get_device_properties": lambda: PROPERTIES,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(CudaClock, "device", SimpleNamespace(type="cuda"))
    for name in ("randn", "randint", "zeros"):
        monkeypatch.setattr(torch, name, on_the_host(getattr(torch, name)))
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho '400.00, 55.50'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


def on_the_host(function: Callable[..., object]) -> Callable[..., object]:
    def without_device(*args: object, device: object = None, **options: object) -> object:
        del device
        return function(*args, **options)

    return without_device


@pytest.mark.usefixtures("quick", "fake_cuda")
def test_a_gpu_becomes_a_target(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    result = CliRunner().invoke(app, ["target", "calibrate", "-o", str(path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["name"] == "gpu-test-gpu-80gb"
    table = load_target(str(path)).device("gpu").table
    told = {"sm_count": 108, "l2_bytes": 20 << 20, "tdp_w": 400.0, "static_power_w": 55.5}
    assert {key: table[key] for key in told} == told
    assert {"bf16_peak_tflops", "fp16_peak_tflops", "tf32_peak_tflops"} <= table.keys()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU")
def test_the_gpu_of_this_machine_becomes_a_target(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    code, output = calibrate("-o", str(path))
    assert code == 0, output
    assert load_target(str(path)).device("gpu").table["launch_overhead_ns"]
