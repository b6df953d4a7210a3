"""What tasks cost on ReRAM: copies, transposed reads, gradients, caps and writes."""

import pytest

from cost_models.reram import ReramModel
from cost_models.reram.copies import Demand, offered_copies
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


def test_the_price_of_a_trained_matrix_is_that_of_its_reads() -> None:
    device = model(endurance_writes=1e3)
    cost = cost_of(device, "l")
    assert cost.crossbars is not None
    assert cost.crossbars.writes_per_step == 1
    assert cost.crossbars.copies == 1
    assert cost.latency_ns == 4 * 8 * 100.0
    assert 0 < cost.energy_pj < cost.crossbars.program_pj
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


def test_the_most_copies_are_offered_alone_where_all_matrices_fit() -> None:
    demands = {"small": Demand(1, (8,)), "large": Demand(10, (8, 2)), "single": Demand(1, (1,))}
    assert offered_copies(demands, 49, 4, 4) == {"small": (4,), "large": (4,), "single": (1,)}


def test_numbers_of_copies_are_a_choice_where_crossbars_are_scarce() -> None:
    demands = {"small": Demand(1, (64,)), "large": Demand(10, (64, 2)), "single": Demand(1, (1,))}
    assert offered_copies(demands, 48, 0, 64) == {
        "small": (1, 3, 10, 32),
        "large": (1, 2, 3, 4),
        "single": (1,),
    }
    assert offered_copies(demands, 48, 60, 1) == {"small": (1,), "large": (1,), "single": (1,)}


def test_copies_that_save_nothing_are_skipped() -> None:
    # ceil(4 / 3) = ceil(4 / 2): three copies are no better than two.
    assert offered_copies({"a": Demand(1, (4,))}, 3, 0, 3) == {"a": (2,)}
    assert offered_copies({"a": Demand(1, (4,))}, 3, 2, 3) == {"a": (1, 2)}


def test_more_copies_than_vectors_are_not_looked_at() -> None:
    assert offered_copies({"a": Demand(1, (4,))}, 10**9, 0, 10**15) == {"a": (4,)}


def test_every_number_of_copies_has_its_price() -> None:
    prices = costs_of(model(crossbars=14, max_copies=4), tokens=9).prices("h")
    uses = [cost.crossbars for cost in prices if cost.crossbars is not None]
    assert [(use.held, use.crossbars, use.reads) for use in uses] == [
        ("w", 4, 9), ("w*2", 8, 5), ("w*3", 12, 3),
    ]  # fmt: skip
    assert [cost.latency_ns for cost in prices] == [reads * 800.0 for reads in (9, 5, 3)]
    assert len({cost.energy_pj for cost in prices}) == 1
    assert costs_of(model(), tokens=9).prices("r") == ()


def test_fewer_adc_bits_save_energy() -> None:
    assert cost_of(model(adc_bits=6), "h").energy_pj < cost_of(model(), "h").energy_pj


def test_a_read_is_dispatched_once() -> None:
    at_once = cost_of(model(), "h")
    assert cost_of(model(dispatch_ns=250.0), "h").latency_ns == at_once.latency_ns + 250
