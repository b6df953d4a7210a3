"""One vector through crossbars, by hand."""

from typing import Any

import pytest
from pydantic import ValidationError

from cost_models.reram.activity import activity, input_phases
from cost_models.reram.geometry import Held, cells, crossbars, footprint
from cost_models.reram.params import ReramParams
from cost_models.reram.peak import peak
from cost_models.reram.programming import capped_ns, programming
from cost_models.reram.read import vector_read
from cost_models.reram.wires import meeting_hops
from tests.reram_examples import model, params

ADJACENT = params(slice_layout="adjacent")
SPREAD = params(slice_layout="per-array")


@pytest.mark.parametrize("device", [ADJACENT, SPREAD])
def test_hpts_backbone_at_8_bits_takes_9216_crossbars(device: ReramParams) -> None:
    # SWE (facts 1.2, 1.6): 12 layers of q, k, v, o (512x512) and two of the FFN (512x2048):
    # 9,216 of the 9,236 crossbars quoted for all 37.8 M parameters, the rest biases and norms.
    square = crossbars(Held(512, 512), device)
    wide = crossbars(Held(512, 2048), device) + crossbars(Held(2048, 512), device)
    assert 12 * (4 * square + wide) == 9_216
    assert round(37_828_608 * 4 / 128**2) == 9_236


def test_crossbars_round_up_in_both_directions() -> None:
    assert crossbars(Held(129, 33), ADJACENT) == 2 * 2
    assert crossbars(Held(129, 33), SPREAD) == 2 * 1 * 4
    assert crossbars(Held(129, 33, batch=3), ADJACENT) == 12


def test_differential_weights_take_two_cells_and_none_for_the_sign() -> None:
    # 9 bits: a sign and 8 bits in 4 slices of 2, each twice.
    pairs = params(weight_bits=9, weight_encoding="differential")
    assert cells(Held(3, 5), pairs) == 15 * 8
    assert crossbars(Held(129, 33), pairs) == 2 * 1 * 4 * 2
    beside = params(weight_bits=9, weight_encoding="differential", slice_layout="adjacent")
    assert crossbars(Held(128, 16), beside) == 1
    assert crossbars(Held(128, 17), beside) == 2


def test_a_matrix_may_take_whole_tiles() -> None:
    held = Held(129, 33)  # two blocks of four slices
    tiled: dict[str, Any] = {"arrays_per_pe": 3, "pes_per_tile": 4, "allocation": "tile"}
    found = footprint(held, params(**tiled))
    # each block takes two PEs of three arrays, the second PE with one in use
    assert (found.pes, found.tiles, found.arrays_per_pe) == (4, 1, 3)
    assert crossbars(held, params(**tiled)) == 12
    assert footprint(held, params(**{**tiled, "allocation": "array"})).pes == 3


@pytest.mark.parametrize(
    ("mode", "dac_bits", "phases"),
    [("bit-serial", 1, 8), ("multi-bit", 3, 3), ("pulse-width", 3, 1)],
)
def test_input_phases(mode: str, dac_bits: int, phases: int) -> None:
    assert input_phases(params(input_mode=mode, dac_bits=dac_bits), bits=8) == phases


def test_a_16_bit_product_takes_sixteen_array_reads() -> None:
    # ISAAC: 16 x 100 ns for a 128x128 matrix with 16-bit inputs (facts 1.6).
    isaac = params(weight_bits=16, input_bits=16, slice_layout="adjacent")
    assert vector_read(isaac, Held(128, 16), 16).interval_ns == 1_600.0


def test_a_phase_lasts_as_long_as_its_slowest_part() -> None:
    held = Held(128, 128)
    cases: tuple[tuple[dict[str, Any], float], ...] = (
        ({"adcs_per_array": 2, "adc_rate_gsps": 1.0}, 100.0),
        ({"adcs_per_array": 1, "adc_rate_gsps": 0.8}, 160.0),
        ({"adcs_per_array": 1, "adc_rate_gsps": 1.0, "adc_cycles": 2}, 256.0),
        ({"adcs_per_array": 2, "dacs_per_array": 64, "adc_rate_gsps": 1.0}, 200.0),
        ({"dac_ns": 20.0, "adcs_per_array": 2}, 120.0),
    )
    for changed, phase_ns in cases:
        assert vector_read(params(**changed), held, 8).interval_ns == 8 * phase_ns
    pulses = params(input_mode="pulse-width", pulse_unit_ns=1.0)
    assert vector_read(pulses, held, 8).interval_ns == 255.0


def test_without_sample_and_hold_an_array_is_read_for_each_column_of_an_adc() -> None:
    held = Held(128, 128)
    changed: dict[str, Any] = {"adcs_per_array": 32, "adc_rate_gsps": 1.0, "dac_energy_pj": 1.0}
    kept, again = (params(**changed, sample_and_hold=hold) for hold in (True, False))
    assert vector_read(kept, held, 8).interval_ns == 8 * 100.0
    assert vector_read(again, held, 8).interval_ns == 8 * 4 * (100.0 + 1.0)
    assert vector_read(again, held, 8).parts["dac"].energy_pj == 8 * 4 * 128 * 4
    # a column is selected in one of the rounds only
    assert vector_read(again, held, 8).parts["array"].energy_pj == pytest.approx(
        vector_read(kept, held, 8).parts["array"].energy_pj
    )


def test_a_transposed_read_repeats_over_adjacent_slices() -> None:
    held = Held(100, 20)
    upright, turned = (activity(ADJACENT, held, 1, turn).side for turn in (False, True))
    assert (upright.passes, upright.driven, upright.converted, upright.outputs) == (1, 100, 80, 20)
    assert (turned.passes, turned.driven, turned.converted, turned.outputs) == (4, 20, 100, 100)
    assert activity(SPREAD, held, 1, True).side.passes == 1


def test_events_by_hand() -> None:
    # 200 rows and 40 weights of 4 cells: 2 x 2 arrays side by side.
    done = activity(ADJACENT, Held(200, 40), 8, False)
    assert done.drives == 8 * 200 * 2
    assert done.cell_reads == 8 * 200 * 160
    assert done.conversions == 8 * 2 * 160


@pytest.mark.parametrize("encoding", ["offset", "differential"])
@pytest.mark.parametrize("layout", ["adjacent", "per-array"])
def test_a_transposed_read_uses_the_same_cells(layout: str, encoding: str) -> None:
    device = params(slice_layout=layout, weight_encoding=encoding, buffer_energy_pj_per_byte=1.0)
    held = Held(200, 40)
    upright, turned = (activity(device, held, 8, turn) for turn in (False, True))
    assert turned.cell_reads == upright.cell_reads == 8 * cells(held, device)
    assert vector_read(device, held, 8).parts["bus"].energy_pj == 200 + 80
    assert vector_read(device, held, 8, transposed=True).parts["bus"].energy_pj == 40 + 400


def test_halves_of_a_weight_are_subtracted_before_or_after_the_adc() -> None:
    held = Held(128, 16)
    for layout in ("adjacent", "per-array"):
        done = [
            activity(
                params(slice_layout=layout, weight_encoding="differential", subtraction=where),
                held, 1, False,
            )
            for where in ("analog", "digital")
        ]  # fmt: skip
        assert done[1].conversions == 2 * done[0].conversions == 2 * 16 * 4
        assert done[1].side.converted == 2 * done[0].side.converted
        assert done[1].side.lines_per_adc == 2 * done[0].side.lines_per_adc


@pytest.mark.parametrize("subtraction", ["analog", "digital"])
def test_no_more_converters_work_than_there_are(subtraction: str) -> None:
    device = params(
        "mnsim-default", subtraction=subtraction, weight_bits=2, dacs_per_array=256,
        adcs_per_array=64,
    )  # fmt: skip
    done = activity(device, Held(256, 256), 1, False)
    assert done.conversions == 64 * done.side.convert_rounds


def test_stages_overlap_or_follow_each_other() -> None:
    buffers: dict[str, Any] = {
        "buffer_word_bits": 64,
        "buffer_access_ns": 20.0,
        "adcs_per_array": 128,
    }
    one_by_one = vector_read(params(**buffers, stage_composition="serial"), Held(128, 128), 8)
    # 1,024 bits written and read, 128 results of 8 bits written, 128 outputs of 16 bits read
    assert one_by_one.latency_ns == pytest.approx(20 * (16 + 16 + 16 + 32) + 8 * (100 + 1 / 1.28))
    assert one_by_one.interval_ns == one_by_one.latency_ns
    together = vector_read(params(**buffers), Held(128, 128), 8)
    assert together.interval_ns == 800.0
    assert together.latency_ns == 20 * (16 + 16 + 16 + 32) + 800.0


def test_an_empty_matrix_takes_nothing() -> None:
    read = vector_read(ADJACENT, Held(0, 5), 8)
    assert (read.latency_ns, read.interval_ns, read.energy_pj) == (0.0, 0.0, 0.0)
    assert programming(ADJACENT, Held(0, 5)).time_ns == 0.0


def test_programming_is_bound_by_rows_or_by_power() -> None:
    device = params(write_pulses=1, write_pulse_ns=40.0, verify_read_ns=10.0)
    assert programming(device, Held(300, 5)).time_ns == 128 * 50.0
    assert programming(device, Held(30, 5)).time_ns == 30 * 50.0
    few = device.model_copy(update={"write_cells_at_once": 2})
    assert programming(few, Held(30, 5)).time_ns == 30 * 3 * 50.0
    assert capped_ns(10.0, energy_pj=5_000.0, power_cap_w=0.1) == 50.0
    assert capped_ns(10.0, energy_pj=5_000.0, power_cap_w=None) == 10.0


def test_the_peak_is_that_of_full_arrays() -> None:
    # 24,576 arrays of 128 x 128 cells, a fourth of a weight each, 800 ns for 8 bits
    uncapped = peak(params(read_power_cap_w=None))
    assert uncapped.tops == pytest.approx(2 * 24_576 * 128 * 128 / 4 / 800 / 1000)
    assert peak(params(read_power_cap_w=8.448)).tops < uncapped.tops / 9
    assert peak(params(static_power_w=0.0)).tops_per_w > peak(params()).tops_per_w


def test_figures_show_area_where_there_is_one() -> None:
    assert "area_mm2" not in model().figures()
    sized = model(cell_area_um2=1.0, adc_area_um2=100.0, chip_area_mm2=2.0).figures()
    # transposable: an ADC at each side
    assert sized["area_mm2"] == pytest.approx(2 + 24_576 * (128 * 128 + 2 * 100) / 1e6)
    leaking = model(adc_leakage_w=1e-6, output_buffer_leakage_w=1e-6, static_power_w=1.0)
    assert leaking.figures()["leakage_w"] == pytest.approx(1 + 24_576 * 3e-6)


@pytest.mark.parametrize(
    "changed",
    [
        {"dacs_per_array": 129},
        {"adcs_per_array": 129},
        {"read_voltage_v": 0.1},
        {"input_mode": "pulse-width", "pulse_unit_ns": None},
        {"pes_per_tile": 30_000},
        {"lrs_share": 1.1},
    ],
)
def test_contradictions_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        params(**changed)


@pytest.mark.parametrize(
    ("order", "places"),
    [
        ("shell", [(0, 0), (0, 1), (1, 1), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 3)]),
        ("row-major", [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3), (2, 0)]),
        ("snake", [(0, 0), (0, 1), (0, 2), (0, 3), (1, 3), (1, 2), (1, 1), (1, 0), (2, 0)]),
    ],
)
@pytest.mark.parametrize("first", [0, 3])
def test_outputs_meet_in_the_middle_tile(
    order: str, places: list[tuple[int, int]], first: int
) -> None:
    for tiles in range(1, len(places) - first + 1):
        held = places[first : first + tiles]
        hops = [[abs(x - a) + abs(y - b) for a, b in held] for x, y in held]
        most, total = meeting_hops(order, 4, first, tiles)
        assert most == min(max(found) for found in hops)
        assert total in {sum(found) for found in hops if max(found) == most}


def test_outputs_of_several_tiles_cross_the_mesh() -> None:
    # Two tiles of one array; 128 outputs of 16 bits at 1 bit/ns, one hop of 5 ns, 1 pJ a bit.
    mesh: dict[str, Any] = {
        "inter_tile_gbps": 1.0, "hop_ns": 5.0, "inter_tile_energy_pj_per_bit": 1.0,
        "weight_bits": 2,
    }  # fmt: skip
    part = vector_read(params(**mesh), Held(128, 256), 8).parts["inter_tile"]
    assert (part.time_ns, part.energy_pj) == (5.0 + 128 * 16, 128 * 16.0)
    alone = vector_read(params(**mesh), Held(128, 128), 8).parts["inter_tile"]
    assert (alone.time_ns, alone.energy_pj) == (0.0, 0.0)
