from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cost_models.fit_gemm import fp32_gpus
from benchmarks.cost_models.fit_targets import write_numbers, write_validation
from benchmarks.cost_models.gemm_fit import SHARED, TIMING, Gpu, decided, fit
from benchmarks.cost_models.gemm_tables import fp32_products
from benchmarks.cost_models.gpu_gemm import committed_scores, unseen_scores
from cost_models.gpu import GpuModel, GpuParams
from cost_models.gpu_gemm import GemmRates, Product, gemm_ns, gemm_times_ns
from cost_models.load import builtin_targets, load_target, target_from_toml
from hptc.errors import TargetError
from tests.reference import reference_dir

RATES = GemmRates(
    sm_count=10,
    peak_flop_per_ns=1_000.0,
    memory_bytes_per_ns=1e9,
    efficiency=1.0,
    half_intensity=0.0,
    fill_k=0.0,
    tail_share=1.0,
    tiles=((32, 32),),
)
DATA_SHEET = """
schema_version = 1
name = "made-up"
extends = "builtin:gpu-datasheet"
[devices.gpu]
sm_count = 50
fp32_peak_tflops = 10.0
fp16_peak_tflops = 80.0
memory_bandwidth_bytes_per_ns = 500.0
tdp_w = {tdp_w}
"""
GPUS = [name for name in builtin_targets() if name.startswith("gpu")]


def model_of(text_or_name: str, *overrides: str) -> GpuModel:
    if "\n" in text_or_name:
        target = target_from_toml(text_or_name, "made-up")
    else:
        target = load_target(text_or_name, [f"devices.gpu.{item}" for item in overrides])
    return GpuModel(GpuParams.model_validate(target.device("gpu").table))


def share_of_peak(model: GpuModel, product: Product) -> float:
    flops = 2 * product.batch * product.m * product.k * product.n
    return flops / model.product_ns(product) / (1_000 * model.figures()["peak_tflops"])


def test_tiles_run_in_waves() -> None:
    # 10 multiprocessors of 100 flop/ns: ten 32x32 tiles are one wave, one more starts another.
    wave_ns = 2 * 32 * 32 * 64 / 100
    assert gemm_ns(Product(10, 32, 64, 32, 4), RATES) == wave_ns
    assert gemm_ns(Product(11, 32, 64, 32, 4), RATES) == 2 * wave_ns
    half_paid = replace(RATES, tail_share=0.5)
    assert gemm_ns(Product(11, 32, 64, 32, 4), half_paid) == pytest.approx(1.55 * wave_ns)
    assert gemm_ns(Product(1, 32, 64, 32, 4), half_paid) == wave_ns


def test_a_long_sum_is_split_over_idle_multiprocessors() -> None:
    whole_ns = 2 * 32 * 32 * 2048 / 100
    assert gemm_ns(Product(1, 32, 2048, 32, 4), RATES) == whole_ns / 8
    assert gemm_ns(Product(1, 32, 2048, 32, 4), replace(RATES, splits=(1,))) == whole_ns


def test_long_products_run_at_the_clock_that_the_card_keeps() -> None:
    throttled = replace(RATES, clock=0.5, boost_window_ns=1e6)
    for k, slowdown in ((64, 1.0), (10**8, 2.0)):
        product = Product(10, 32, k, 32, 4)
        ratio = gemm_ns(product, throttled) / gemm_ns(product, RATES)
        assert ratio == pytest.approx(slowdown, rel=0.01)


def test_memory_bounds_a_thin_product() -> None:
    slow = replace(RATES, peak_flop_per_ns=1e9, memory_bytes_per_ns=2.0)
    assert gemm_ns(Product(1, 1, 100, 100, 4), slow) == (100 + 10_000 + 100) * 4 / 2.0


def test_the_library_takes_the_tile_that_suits() -> None:
    both = replace(RATES, half_intensity=16.0, tiles=((128, 128), (32, 32)))
    for shape in (Product(1, 32, 640, 32, 4), Product(1, 1280, 640, 1280, 4)):
        alone = [gemm_ns(shape, replace(both, tiles=(tile,))) for tile in both.tiles]
        assert gemm_ns(shape, both) == min(alone) < max(alone)


def test_products_grow_with_every_dimension_and_empty_ones_are_free() -> None:
    sizes = (1, 31, 32, 33, 127, 128, 255, 256, 257, 400, 1024, 2049)
    slow = replace(RATES, fill_k=5.0, tail_share=0.3, half_intensity=9.0)
    for rates in (RATES, slow, replace(slow, clock=0.3, boost_window_ns=1e3)):
        for place in range(4):
            shapes = [[*[48] * place, size, *[48] * (3 - place)] for size in sizes]
            times = gemm_times_ns(np.array(shapes, dtype=float), 4, rates)
            assert all(small <= large for small, large in pairwise(times))
    assert gemm_ns(Product(1, 0, 64, 64, 4), RATES) == 0.0


@pytest.mark.parametrize("name", GPUS)
@pytest.mark.parametrize("batch", [1, 16])
def test_no_product_is_faster_than_the_peak(name: str, batch: int) -> None:
    for precision in ("fp32", "fp16"):
        model = model_of(name, f"precision={precision}")
        for size in (1, 100, 1024, 8192):
            assert 0 < share_of_peak(model, Product(batch, size, size, size, 4)) < 1


def test_a_precision_without_a_peak_is_refused() -> None:
    with pytest.raises(TargetError, match="precision tf32 needs tf32_peak_tflops"):
        load_target("gpu-v100", ["devices.gpu.precision=tf32"])


def test_half_precision_is_faster_than_single_on_tensor_cores() -> None:
    product = Product(1, 4096, 4096, 4096, 2)
    half = model_of("gpu-t4", "precision=fp16").product_ns(product)
    assert half < model_of("gpu-t4").product_ns(product) / 2


def test_a_gpu_is_priced_from_its_data_sheet_alone() -> None:
    large = Product(1, 4096, 4096, 4096, 4)
    shares = [
        share_of_peak(model_of(DATA_SHEET.format(tdp_w=tdp_w)), large)
        for tdp_w in (60.0, 90.0, 300.0, 600.0)
    ]
    assert shares[0] < shares[1] < shares[2] == shares[3]
    assert 0.2 < shares[0] < 0.6 < shares[2] < 1.0


def test_a_card_without_power_for_arithmetic_is_refused() -> None:
    with pytest.raises(TargetError, match="board_power_w below tdp_w = 30, or a sustained_clock"):
        model_of(DATA_SHEET.format(tdp_w=30.0).replace("tdp_w", "static_power_w = 5.0\ntdp_w"))
    given = DATA_SHEET.format(tdp_w=30.0) + "static_power_w = 5.0\nsustained_clock = 0.9\n"
    assert model_of(given).params.clock == 0.9


def test_what_is_only_extended_is_no_target() -> None:
    assert "gpu-datasheet" not in builtin_targets()
    with pytest.raises(TargetError, match="expected the key 'fp32_peak_tflops'"):
        load_target("gpu-datasheet")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("static_power_w=300.0", "static_power_w below tdp_w = 300"),
        ("sustained_clock=1.5", "sustained_clock to be less than or equal to 1"),
        ('gemm_tiles=["128"]', "should match pattern"),
        ("gemm_tiles=[]", "gemm_tiles"),
        ("gemm_tail_share=0.0", "gemm_tail_share to be greater than 0"),
    ],
)
def test_impossible_products_are_refused(setting: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        load_target("gpu", [f"devices.gpu.{setting}"])


def test_a_fit_finds_the_parameters_that_made_the_times() -> None:
    params = model_of("gpu-a100").params
    tables = fp32_products(reference_dir("cost_models"), "NVIDIA A100 80GB PCIe")
    truth = {"gemm_efficiency": 0.8, "gemm_half_intensity": 12.0, "gemm_fill_k": 30.0,
             "gemm_tail_share": 0.7, "gemm_memory_efficiency": 0.5, "boost_window_ns": 1e6,
             "bmm_start_ns": 2e4, "linear_start_ns": 5e4}  # fmt: skip
    made = tuple(replace(table, times_ns=Gpu(params, (table,)).guess_ns(truth)) for table in tables)
    found = fit([Gpu(params, made)], SHARED | TIMING)
    guess = Gpu(params, made).guess_ns(found)
    wanted = np.concatenate([table.times_ns for table in made])
    assert np.abs(guess / wanted - 1).mean() < 0.01
    informed = decided(Gpu(params, made), found)
    assert "gemm_efficiency" in informed
    assert "boost_window_ns" not in informed  # the A100 keeps its clock


def test_committed_parameters_keep_their_limits() -> None:
    lines = committed_scores(reference_dir("cost_models"))
    limited = [line for line in lines if np.isfinite(line.limit.mape_pct)]
    assert len(limited) == 5
    assert [line for line in limited if line.missed] == []


def test_a_gpu_left_out_is_met_by_its_data_sheet() -> None:
    gpus = fp32_gpus(reference_dir("cost_models"))
    some = {name: gpus[name] for name in ("gpu-a100", "gpu-a100-40", "gpu-v100")}
    for line in unseen_scores(some):
        assert line.mape_pct < 25, line


def test_fitted_numbers_go_into_a_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(DATA_SHEET.format(tdp_w=150.0))
    monkeypatch.setattr("benchmarks.cost_models.fit_targets.target_path", lambda _: path)
    write_numbers("mine", {"gemm_fill_k": 1.0, "tdp_w": 123.456}, "here")
    write_numbers("mine", {"tdp_w": 99.0}, "there")
    write_validation("mine", "latency_step", "5 %")
    params = model_of(path.read_text()).params
    assert (params.tdp_w, params.gemm_fill_k, params.sm_count) == (99.0, 1.0, 50)
    assert (params.sources["tdp_w"], params.sources["gemm_fill_k"]) == ("there", "here")
    assert params.validation == {"latency_step": "5 %"}
