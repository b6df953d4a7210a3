"""What tasks cost on ReRAM: copies, transposed reads, gradients, caps and writes."""

import pytest

from cost_models.reram import ReramModel
from cost_models.reram.copies import Demand, allot_copies
from hptc.cost import Cost, CrossbarUse, DeviceCosts
from hptc.units import Ns, Pj
from tests.cost_examples import layer, work_of
from tests.reram_examples import model


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


def test_a_static_layer_is_programmed_once() -> None:
    device = model(max_copies=1, write_pulses=2, write_pulse_ns=50.0, verify_read_ns=10.0)
    cost = cost_of(device, "h")
    # four 8-bit vectors; 6x5 weights of 4 cells in 4 arrays, one a slice
    assert cost.latency_ns == 4 * 8 * 100.0
    assert cost.crossbars == CrossbarUse(
        matrix="w", crossbars=4, copies=1, cells=30 * 4,
        program_ns=Ns(6 * 2 * 60), program_pj=Pj(30 * 4 * 120), writes_per_step=0,
        reads=4, waiting_ns=Ns(3 * 800),
    )  # fmt: skip


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
    use = use_of(device, "h", tokens=323)
    assert (use.reads, use.waiting_ns) == (323, 322 * 800.0)


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


def test_more_copies_than_vectors_are_not_looked_at() -> None:
    assert allot_copies({"a": Demand(1, ((4, 1.0),))}, 10**9, 10**15) == {"a": 4}


def test_fewer_adc_bits_save_energy() -> None:
    assert cost_of(model(adc_bits=6), "h").energy_pj < cost_of(model(), "h").energy_pj


def test_a_read_is_dispatched_once() -> None:
    at_once = cost_of(model(), "h")
    assert cost_of(model(dispatch_ns=250.0), "h").latency_ns == at_once.latency_ns + 250
