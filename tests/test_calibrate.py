import tomllib
from collections.abc import Mapping
from math import exp
from pathlib import Path
from random import Random

import pytest
import torch
from typer.testing import CliRunner

from cost_models.load import load_target
from hptc.calibrate import run
from hptc.calibrate.fit import Sample, error_pct, fit_stages, modelled_ns
from hptc.calibrate.probes import Probe, Sizes, products, streams
from hptc.calibrate.timing import CpuClock, arithmetic
from hptc.cli.app import app

SMALL = Sizes(edge=512, elements=2**20)
TINY = Sizes(edge=32, elements=2**12)


def table_of(name: str) -> Mapping[str, object]:
    return load_target(name).device("gpu").table


def samples_of(truth: Mapping[str, object], probes: tuple[Probe, ...]) -> list[Sample]:
    return [Sample(probe, modelled_ns(truth, probe)) for probe in probes]


def fitted_from(samples: list[Sample], truth: Mapping[str, object]) -> dict[str, object]:
    """Fit from the A100's parameters, with what a device tells about itself."""
    told = (
        "sm_count", "fp32_peak_tflops", "memory_bandwidth_bytes_per_ns", "l1_bytes", "l2_bytes",
        "sustained_clock", "boost_window_ns", "gemm_batched_tiles", "gemm_batched_efficiency",
    )  # fmt: skip
    start = {**table_of("gpu-a100"), **{key: truth[key] for key in told}}
    fits = fit_stages(start, samples)
    return {**start, **{key: value for fit in fits for key, value in fit.values.items()}}


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
    (fit,) = fit_stages(table_of("gpu-a100"), noisy)
    assert 3 < fit.error_pct < 20


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
    assert "latency_products_fp32" in own["validation"]
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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA GPU")
def test_a_gpu_becomes_a_target(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    code, output = calibrate("-o", str(path))
    assert code == 0, output
    assert load_target(str(path)).device("gpu").table["launch_overhead_ns"]
