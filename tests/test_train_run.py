import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hptc.errors import BundleError, HptcError, UsageError
from hptc.ir.graph import Phase
from hptc.runtime.data import TrainingData, load_training_data
from hptc.runtime.log import EntryRecord, Record, StepRecord, SwitchRecord, ValidationRecord
from hptc.runtime.options import TrainOptions, last_adapted_weights
from hptc.runtime.switch import AtStep, Hpt, Never, SwitchPolicy
from hptc.runtime.train import final_weights, save_weights, train
from hptc.runtime.trainer import Trainer
from tests.tiny_program import (
    CELLS,
    ENERGY_PJ,
    IN,
    LATENCY_NS,
    OUT,
    PROGRAM_NS,
    PROGRAM_PJ,
    RANK,
    ROWS,
    SCALE,
    WEIGHT,
    A,
    B,
    full_graph,
    tiny_bundle,
)

FULL_NS, LOW_NS = LATENCY_NS[Phase.FULL], LATENCY_NS[Phase.LOW]


@pytest.fixture
def data(tmp_path: Path) -> TrainingData:
    """Targets of a linear map with a little noise; ten steps for training, two for validation."""
    generator = np.random.default_rng(5)
    x = generator.standard_normal((12, ROWS, IN)).astype(np.float32)
    y = x @ generator.standard_normal((IN, OUT)).astype(np.float32)
    y += 0.1 * generator.standard_normal(y.shape).astype(np.float32)
    path = tmp_path / "data.npz"
    np.savez(path, in_0=x, target=y, split=np.array([0] * 10 + [1] * 2))
    return load_training_data(path, full_graph())


def run(data: TrainingData, steps: int, switch: SwitchPolicy) -> list[Record]:
    options = TrainOptions(steps=steps, switch=switch, lr=0.05)
    return list(Trainer(tiny_bundle(), data, options).records())


def steps_of(records: list[Record]) -> list[StepRecord]:
    return [record for record in records if isinstance(record, StepRecord)]


def test_loss_falls_to_the_noise(data: TrainingData) -> None:
    records = run(data, 60, Never())
    losses = [record.loss for record in steps_of(records)]
    assert losses[0] > 0.5
    assert np.mean(losses[-10:]) < 0.03
    validation = [record for record in records if isinstance(record, ValidationRecord)]
    assert [(v.epoch, v.step) for v in validation] == [(i, 10 * i) for i in range(1, 7)]
    assert validation[-1].loss < 0.03


def test_full_matches_torch(data: TrainingData) -> None:
    bundle = tiny_bundle()
    result = train(bundle, data, TrainOptions(steps=25, lr=0.05))
    weight = torch.from_numpy(bundle.weights[WEIGHT].copy()).requires_grad_()
    optimizer = torch.optim.SGD([weight], lr=0.05, momentum=0.5)
    batches = [batch for epoch in (1, 2, 3) for batch in data.epoch(0, epoch)][:25]
    for batch in batches:
        loss = torch.nn.functional.mse_loss(batch["in_0"] @ weight, batch["target"])
        (weight.grad,) = torch.autograd.grad(loss, [weight])
        optimizer.step()
    torch.testing.assert_close(result.weights[WEIGHT], weight.detach())


def test_low_continues_from_the_trained_weights(data: TrainingData) -> None:
    records = run(data, 12, AtStep(7))
    alone = run(data, 8, Never())
    steps = steps_of(records)
    assert [record.phase for record in steps] == ["full"] * 7 + ["low"] * 5
    assert steps[7].loss == pytest.approx(steps_of(alone)[7].loss)  # B = 0: same function
    assert [r for r in records if isinstance(r, SwitchRecord)] == [
        SwitchRecord(step=7, src="full", dst="low")
    ]


def test_the_model_keeps_its_function_when_weights_are_merged(data: TrainingData) -> None:
    trainer = Trainer(tiny_bundle(), data, TrainOptions(steps=20, switch=AtStep(5), lr=0.05))
    for _ in trainer.records():
        pass
    state = trainer.state()
    weights = final_weights(tiny_bundle(), trainer.phase, state)
    assert weights.keys() == {WEIGHT}
    x = torch.randn(5, IN)
    expected = x @ state[WEIGHT] + SCALE * (x @ state[A]) @ state[B]
    assert state[B].any()
    torch.testing.assert_close(x @ weights[WEIGHT], expected)


def test_costs_accumulate_with_programming_at_entry(data: TrainingData) -> None:
    records = run(data, 9, AtStep(4))
    entries = [record for record in records if isinstance(record, EntryRecord)]
    assert [(e.phase, e.step, e.program_ns) for e in entries] == [
        ("full", 0, 0.0),
        ("low", 4, PROGRAM_NS),
    ]
    last = steps_of(records)[-1]
    assert (last.latency_ns, last.energy_pj) == (LOW_NS, ENERGY_PJ[Phase.LOW])
    assert last.totals.total_ns == 4 * FULL_NS + PROGRAM_NS + 5 * LOW_NS
    assert last.totals.total_pj == pytest.approx(4 * 1000.0 + PROGRAM_PJ + 5 * 50.0)
    assert last.totals.cell_writes == CELLS


def test_steps_beyond_the_endurance_are_told(data: TrainingData) -> None:
    phases = {"full": {"steps_to_failure": 4}, "low": {"steps_to_failure": None}}
    bundle = replace(tiny_bundle(), report={"phases": phases})
    for switch, worn in ((AtStep(4), {}), (AtStep(5), {Phase.FULL: 4})):
        assert train(bundle, data, TrainOptions(steps=8, switch=switch, lr=0.05)).worn == worn
    odd = replace(bundle, report={"phases": {"full": {"steps_to_failure": "many"}}})
    with pytest.raises(BundleError, match=r"report phases\.full\.steps_to_failure"):
        train(odd, data, TrainOptions(steps=1, switch=Never(), lr=0.05))


def test_hpt_passes_through_both_forms(data: TrainingData) -> None:
    rule = Hpt(window=10, loss_threshold=10.0, weight_threshold=10.0)
    records = run(data, 70, rule)
    phases = [record.phase for record in steps_of(records)]
    begin = phases.index("dual")
    assert begin >= 40
    assert begin % 10 == 0
    dual = steps_of(records)[begin]
    assert dual.low_loss == pytest.approx(dual.loss)
    assert dual.latency_ns == FULL_NS + LOW_NS
    assert phases[begin + 10] == "low"
    switches = [(r.src, r.dst, r.step) for r in records if isinstance(r, SwitchRecord)]
    assert switches == [("full", "dual", begin), ("dual", "low", begin + 10)]
    assert steps_of(records)[-1].totals.cell_writes == 2 * CELLS


def test_a_failed_t_test_programs_a_fresh_adapter(data: TrainingData) -> None:
    rule = Hpt(window=10, loss_threshold=10.0, weight_threshold=10.0, alpha=1.0)
    records = run(data, 75, rule)
    switches = [(r.src, r.dst) for r in records if isinstance(r, SwitchRecord)]
    assert switches[0] == ("full", "dual")
    assert set(switches[1:]) == {("dual", "dual")}
    entries = [r for r in records if isinstance(r, EntryRecord) and r.phase == "low"]
    assert len(entries) == len(switches)


@pytest.mark.parametrize("switch", [AtStep(0), Never()])
def test_low_alone_starts_from_the_bundle(data: TrainingData, switch: SwitchPolicy) -> None:
    phases = [Phase.LOW] if isinstance(switch, Never) else list(Phase)
    result = train(tiny_bundle(phases), data, TrainOptions(steps=5, switch=switch, lr=0.05))
    assert (result.phase, result.steps, result.switched_at) == (Phase.LOW, 5, None)
    assert result.weights.keys() == {WEIGHT}


def test_same_seed_same_log(data: TrainingData, tmp_path: Path) -> None:
    logs = []
    for i, seed in enumerate([1, 1, 2]):
        log = tmp_path / f"{i}.jsonl"
        train(tiny_bundle(), data, TrainOptions(steps=15, switch=AtStep(5), seed=seed), log)
        logs.append(log.read_bytes())
    assert logs[0] == logs[1]
    assert logs[0] != logs[2]


def test_log_lines_are_flat_objects(data: TrainingData, tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    train(tiny_bundle(), data, TrainOptions(steps=11, switch=AtStep(5)), log)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"] for line in lines] == (
        ["enter"] + ["step"] * 5 + ["switch", "enter"] + ["step"] * 5 + ["validation", "step"]
    )
    assert lines[1].keys() == {
        *("event", "step", "phase", "loss", "low_loss", "latency_ns", "energy_pj"),
        *("total_ns", "total_pj", "cell_writes"),
    }


def test_an_exploding_loss_names_the_step_and_leaves_a_log(
    data: TrainingData, tmp_path: Path
) -> None:
    log = tmp_path / "run.jsonl"
    with pytest.raises(HptcError, match=r"training step (\d+), phase full.*Lower the learning"):
        train(tiny_bundle(), data, TrainOptions(steps=500, lr=1e6), log)
    assert all(json.loads(line) for line in log.read_text().splitlines())


def test_ctrl_c_stops_after_the_step(data: TrainingData, tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    before = signal.getsignal(signal.SIGINT)

    def interrupt(record: Record) -> None:
        if isinstance(record, StepRecord) and record.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    result = train(tiny_bundle(), data, TrainOptions(steps=50), log, interrupt)
    assert result.is_interrupted
    assert result.steps == 3
    assert len(log.read_text().splitlines()) == 4
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_is_not_held_back(data: TrainingData) -> None:
    def interrupt(record: Record) -> None:
        if isinstance(record, StepRecord):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tiny_bundle(), data, TrainOptions(steps=50), None, interrupt)


@pytest.mark.parametrize(
    ("phases", "options", "message"),
    [
        ([Phase.FULL], TrainOptions(steps=1, switch=AtStep(1)), "the phase low"),
        ([Phase.INFER], TrainOptions(steps=1), "a phase that trains"),
        (list(Phase), TrainOptions(steps=0), "at least 1 step"),
        (list(Phase), TrainOptions(steps=1, lr=-1.0), "a positive number"),
        (list(Phase), TrainOptions(steps=1, switch=Hpt(), watch=("nope",)), "that `full` trains"),
    ],
)
def test_options_must_fit_the_bundle(
    phases: list[Phase], options: TrainOptions, message: str, data: TrainingData
) -> None:
    with pytest.raises(UsageError, match=message):
        train(tiny_bundle(phases), data, options)


def test_the_watched_weights_are_those_of_the_last_adapted_module() -> None:
    assert last_adapted_weights(tiny_bundle()) == (WEIGHT,)


def test_saved_weights_load_again(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    tensor = torch.randn(IN, RANK)
    save_weights({"a": tensor, "b": tensor.t()}, path)
    loaded = load_file(path)
    assert torch.equal(loaded["a"], tensor)
    assert torch.equal(loaded["b"], tensor.t())
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UsageError, match="no such folder"):
        save_weights({"a": tensor}, tmp_path / "absent" / "w.safetensors")
