from typing import Any

import pytest

from cost_models.load import load_target
from cost_models.reram import ReramModel, ReramParams
from cost_models.reram.copies import Demand, allot_copies
from cost_models.reram.geometry import (
    Drive,
    Geometry,
    Held,
    InputMode,
    SliceLayout,
    buffer_bytes,
    capped_ns,
    converted_lines,
    crossbars,
    input_phases,
    phase_ns,
    program_time_ns,
    read_counts,
    read_energy_pj,
)
from hptc.cost import Cost, CrossbarUse, DeviceCosts
from hptc.units import Ns, Pj
from tests.cost_examples import layer, work_of

ISAAC = Geometry(128, 128, 4, SliceLayout.ADJACENT)
SPREAD = Geometry(128, 128, 4, SliceLayout.PER_ARRAY)


def model(**changed: Any) -> ReramModel:
    table = {**load_target("reram").device("reram").table, "dispatch_ns": 0.0, **changed}
    return ReramModel(ReramParams.model_validate(table))


def costs_of(device: ReramModel, **sizes: int) -> DeviceCosts:
    work = work_of(layer(**sizes))
    return device.device_costs("reram", list(work.values()))


def cost_of(device: ReramModel, task: str, **sizes: int) -> Cost:
    cost = costs_of(device, **sizes).tasks[task]
    assert cost is not None
    return cost


def use_of(device: ReramModel, task: str, **sizes: int) -> CrossbarUse:
    use = cost_of(device, task, **sizes).crossbars
    assert use is not None
    return use


def test_a_16_bit_product_takes_sixteen_array_reads() -> None:
    # ISAAC: 16 x 100 ns for a 128x128 matrix with 16-bit inputs (facts 1.6).
    isaac = model(weight_bits=16, input_bits=16, slice_layout="adjacent")
    assert isaac.vector_ns(Held(128, 16), 16, transposed=False) == 1_600.0


@pytest.mark.parametrize("geometry", [ISAAC, SPREAD])
def test_hpts_backbone_at_8_bits_takes_9216_crossbars(geometry: Geometry) -> None:
    # SWE (facts 1.2, 1.6): 12 layers of q, k, v, o (512x512) and two of the FFN (512x2048):
    # 9,216 of the 9,236 crossbars quoted for all 37.8 M parameters, the rest biases and norms.
    square = crossbars(Held(512, 512), geometry)
    wide = crossbars(Held(512, 2048), geometry) + crossbars(Held(2048, 512), geometry)
    assert 12 * (4 * square + wide) == 9_216
    assert round(37_828_608 * 4 / 128**2) == 9_236


def test_crossbars_round_up_in_both_directions() -> None:
    assert crossbars(Held(129, 33), ISAAC) == 2 * 2
    assert crossbars(Held(129, 33), SPREAD) == 2 * 1 * 4
    assert crossbars(Held(129, 33, batch=3), ISAAC) == 12


@pytest.mark.parametrize(
    ("mode", "phases"),
    [(InputMode.BIT_SERIAL, 8), (InputMode.MULTI_BIT, 3), (InputMode.PULSE_WIDTH, 1)],
)
def test_input_phases(mode: InputMode, phases: int) -> None:
    assert input_phases(Drive(mode, dac_bits=3, pulse_unit_ns=1.0), bits=8) == phases


def test_a_phase_lasts_as_long_as_its_slowest_part() -> None:
    serial = Drive(InputMode.BIT_SERIAL, 1, 1.0)
    assert phase_ns(serial, 8, settle_ns=100, convert_ns=60) == 100.0
    assert phase_ns(serial, 8, settle_ns=100, convert_ns=160) == 160.0
    pulses = Drive(InputMode.PULSE_WIDTH, 1, 1.0)
    assert phase_ns(pulses, 8, settle_ns=100, convert_ns=60) == 255.0


def test_a_transposed_read_repeats_over_adjacent_slices() -> None:
    held = Held(100, 20)
    assert read_counts(held, ISAAC, transposed=False).passes == 1
    assert read_counts(held, ISAAC, transposed=True).passes == 4
    assert read_counts(held, SPREAD, transposed=True).passes == 1
    assert converted_lines(held, ISAAC, transposed=True) == 100
    assert converted_lines(held, ISAAC, transposed=False) == 80


def test_read_counts_by_hand() -> None:
    # 200 rows and 40 weights of 4 cells: 2 x 2 arrays side by side.
    counts = read_counts(Held(200, 40), ISAAC, transposed=False)
    assert counts.drives == 200 * 2
    assert counts.cell_macs == 200 * 160
    assert counts.conversions == 2 * 160
    assert read_energy_pj(counts, 8, 0.5, 0.001, 2.0) == 8.0 * (200 + 32 + 640)


@pytest.mark.parametrize("geometry", [ISAAC, SPREAD])
def test_a_transposed_read_drives_the_same_cells(geometry: Geometry) -> None:
    held = Held(200, 40)
    upright = read_counts(held, geometry, transposed=False)
    turned = read_counts(held, geometry, transposed=True)
    assert turned.cell_macs * turned.passes == upright.cell_macs
    assert buffer_bytes(held, 8, 16, transposed=False) == 200 + 80
    assert buffer_bytes(held, 8, 16, transposed=True) == 40 + 400


def test_programming_is_bound_by_rows_or_by_power() -> None:
    assert program_time_ns(Held(300, 5), ISAAC, row_ns=50) == 128 * 50.0
    assert program_time_ns(Held(30, 5), ISAAC, row_ns=50) == 30 * 50.0
    assert program_time_ns(Held(0, 5), ISAAC, row_ns=50) == 0.0
    assert capped_ns(10.0, energy_pj=5_000.0, power_cap_w=0.1) == 50.0


def test_a_static_layer_is_programmed_once() -> None:
    device = model(max_copies=1, write_pulses=2, write_pulse_ns=50.0, verify_read_ns=10.0)
    cost = cost_of(device, "h")
    # four 8-bit vectors; 6x5 weights of 4 cells in 4 arrays, one a slice
    assert cost.latency_ns == 4 * 8 * 100.0
    assert cost.crossbars == CrossbarUse("w", 4, 1, 30 * 4, Ns(6 * 2 * 60), Pj(30 * 4 * 120), 0)


def test_gradients_have_their_own_bits_and_share_the_matrix() -> None:
    device = model(max_copies=1)
    assert cost_of(device, "dx").latency_ns == 4 * 16 * 100.0
    assert use_of(device, "dx").matrix == use_of(device, "h").matrix == "w"


def test_arrays_read_one_way_need_a_transposed_copy() -> None:
    device = model(transposable=False)
    assert use_of(device, "h").matrix == "w"
    assert use_of(device, "dx").matrix == "w^T"


def test_only_single_contractions_run() -> None:
    tasks = costs_of(model()).tasks
    assert [name for name, cost in tasks.items() if cost is None] == ["r", "z", "o"]


def test_a_trained_matrix_is_written_every_step() -> None:
    device = model(endurance_writes=1e3)
    cost = cost_of(device, "l")
    assert cost.crossbars is not None
    assert cost.crossbars.writes_per_step == 1
    assert cost.crossbars.copies == 1
    assert cost.latency_ns == 4 * 8 * 100 + cost.crossbars.program_ns
    assert cost.energy_pj > cost.crossbars.program_pj
    assert costs_of(device).write_budget_per_cell == 1e3


def test_a_matrix_larger_than_the_device_is_refused() -> None:
    assert costs_of(model(crossbars=3)).tasks["h"] is None


def test_copies_share_the_vectors() -> None:
    device = model(max_copies=3)
    use = use_of(device, "h", tokens=9)
    assert (use.copies, use.crossbars) == (3, 12)
    assert cost_of(device, "h", tokens=9).latency_ns == 3 * 8 * 100.0


def test_reads_stay_under_the_power_cap() -> None:
    cost = cost_of(model(read_power_cap_w=1e-6), "h")
    assert cost.latency_ns == pytest.approx(cost.energy_pj / 1e-3)


def test_long_sequences_lose_time() -> None:
    # SWE: 323 tokens take 323 reads one after the other, whatever the matrix's size.
    device = model(max_copies=1)
    assert cost_of(device, "h", tokens=323).latency_ns == 323 * 800.0


def test_water_filling_prefers_the_largest_saving_per_crossbar() -> None:
    demands = {
        "small": Demand(1, ((8, 100.0),)),
        "large": Demand(10, ((8, 100.0),)),
        "single": Demand(1, ((1, 100.0),)),
    }
    assert allot_copies(demands, 15, 4) == {"small": 4, "large": 1, "single": 1}
    assert allot_copies(demands, 1_000, 4) == {"small": 4, "large": 4, "single": 1}


def test_nothing_is_copied_before_everything_fits() -> None:
    demands = {"a": Demand(2, ((8, 100.0),)), "b": Demand(9, ((8, 100.0),))}
    assert allot_copies(demands, 10, 4) == {"a": 1, "b": 1}


def test_copies_that_save_nothing_are_skipped() -> None:
    # ceil(4 / 3) = ceil(4 / 2): three copies are no better than two.
    assert allot_copies({"a": Demand(1, ((4, 1.0),))}, 3, 3) == {"a": 2}


def test_fewer_adc_bits_save_energy() -> None:
    assert cost_of(model(adc_bits=6), "h").energy_pj < cost_of(model(), "h").energy_pj


def test_a_read_is_dispatched_once() -> None:
    at_once = cost_of(model(), "h")
    assert cost_of(model(dispatch_ns=250.0), "h").latency_ns == at_once.latency_ns + 250
