from hptc.cost import CostTable
from hptc.schedule.sequences import Sequence, sequences
from tests.cost_examples import layer, work_of
from tests.reram_examples import model


def test_a_phase_says_where_its_tokens_wait() -> None:
    work = work_of(layer(tokens=9))
    costs = CostTable((model(max_copies=1).device_costs("reram", list(work.values())),))
    found = sequences(costs, {"h": "reram", "dx": "reram"})
    # nine tokens of 8 bits, and nine gradients of 16, 100 ns a bit
    assert found.crossbar_ns == 9 * 800.0 + 9 * 1600.0
    assert found.waiting_ns == 8 * 800.0 + 8 * 1600.0
    assert found.longest == (Sequence("dx", 9, 8 * 1600.0), Sequence("h", 9, 8 * 800.0))


def test_a_single_vector_waits_for_none() -> None:
    work = work_of(layer(tokens=1))
    costs = CostTable((model().device_costs("reram", list(work.values())),))
    assert sequences(costs, {"h": "reram"}).longest == ()
