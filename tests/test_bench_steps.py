from collections import Counter
from pathlib import Path

import pytest
import torch

from benchmarks.cost_models.gpu_steps import Case, backward_ns, known_cases, scores, step_ns
from benchmarks.cost_models.step_memory import allocation_ns, segments
from benchmarks.cost_models.step_models import Bert, Gpt, Opt, Sizes
from benchmarks.cost_models.step_record import Kernels, Recorded, record
from benchmarks.cost_models.step_switch import Switch
from benchmarks.cost_models.validate_steps import texts

SMALL = Sizes(hidden=64, heads=4, ffn=256, vocabulary=100, positions=16)
HEADER = "device,model,e2e_ms,fw_ms,bw_ms,neusight_ms,roofline_ms\n"


def recorded(model: type[Bert | Gpt | Opt], layers: int, *, training: bool = True) -> Recorded:
    with torch.device("meta"):
        tokens = torch.ones(2, 16, dtype=torch.int64)
        return record(model(SMALL, layers), tokens, training=training)


def kinds(works: Kernels) -> Counter[str]:
    return Counter(work.ops[0].op.kind for work in works if work is not None)


def test_a_layer_takes_the_kernels_of_eager_torch() -> None:
    found = recorded(Gpt, 2)
    forward, backward = kinds(found.forward), kinds(found.backward)
    assert forward["aten.bmm.default"] == 2 * 2
    assert forward["aten.addmm.default"] == 2 * 4
    assert forward["aten.native_dropout.default"] == 2 * 3 + 1
    assert backward["aten.bmm.default"] == 2 * 4
    assert backward["aten.mm.default"] == 2 * (2 * 4 + 1)
    assert backward["aten._softmax_backward_data.default"] == 2


def test_every_parameter_adds_to_its_gradient() -> None:
    with torch.device("meta"):
        sizes = Counter(parameter.numel() for parameter in Gpt(SMALL, 1).parameters())
    adds = Counter(
        work.ops[0].elements
        for work in recorded(Gpt, 1).backward
        if work is not None and work.ops[0].op.kind == "aten.add.Tensor"
    )
    assert all(adds[size] >= count for size, count in sizes.items())


@pytest.mark.parametrize("model", [Bert, Gpt, Opt])
def test_every_layer_adds_the_same(model: type[Bert | Gpt | Opt]) -> None:
    two, three, five = (recorded(model, layers) for layers in (2, 3, 5))
    few, more, many = (kinds(item.forward + item.backward) for item in (two, three, five))
    assert all(count == few[kind] + 3 * (more[kind] - few[kind]) for kind, count in many.items())
    assert sum(five.kept) == sum(two.kept) + 3 * (sum(three.kept) - sum(two.kept))


def test_inference_has_no_dropout_and_keeps_nothing() -> None:
    found = recorded(Opt, 1, training=False)
    assert found.backward == ()
    assert found.kept == ()
    assert not kinds(found.forward)["aten.native_dropout.default"]


def test_routing_makes_the_host_wait() -> None:
    with torch.device("meta"):
        tokens = torch.ones(1, 512, dtype=torch.int64)
        found = record(Switch(2), tokens, training=False)
    assert found.forward.count(None) == 2 * 4 * 4  # encoder and decoder, four experts


def test_rows_that_are_no_step_of_one_gpu_are_left_out(tmp_path: Path) -> None:
    rows = (
        "NVIDIA_H100_80GB_HBM3,bert_large-inf-512-8,69.8,69.8,0,86.2,48.1",
        "NVIDIA_H100_80GB_HBM3,bert_large-inf-512-8-fusion,65.0,65.0,0,80.9,",
        "NVIDIA_H100_80GB_HBM3,bert_large-train-512-8-dp4,65.0,0,0,80.9,",
        "NVIDIA_H100_80GB_HBM3,own_model-train-512-8,65.0,0,0,80.9,",
        "NVIDIA_H100_80GB_HBM3,bert_large-train-512-x,65.0,0,0,80.9,",
        "NVIDIA_H100_80GB_HBM3,bert_large,65.0,0,0,80.9,",
        "Some_Other_GPU,bert_large-inf-512-8,65.0,65.0,0,80.9,",
    )
    (tmp_path / "gpu_model_e2e.csv").write_text(HEADER + "\n".join(rows) + "\n")
    line, generic = scores(tmp_path)
    assert (line.family, line.cases) == ("inference steps", 1)
    assert generic.family == "inference steps, generic parameters"
    assert "neusight 23.5 % on 1" in line.note
    assert line.mape_pct < 20


def test_memory_is_taken_in_segments() -> None:
    mib = 1 << 20
    assert segments([40 * mib, 10 * mib]) == 2
    assert segments([5 * mib] * 4) == 1
    assert segments([mib // 2] * 4) == 1
    assert segments([]) == 0
    assert allocation_ns("gpu-h100", [40 * mib]) == 30_000.0
    assert allocation_ns("gpu-a100", [40 * mib]) > 40 * mib * 0.009


def test_a_backward_pass_takes_about_twice_the_forward_pass() -> None:
    row = {"device": "NVIDIA_H100_80GB_HBM3", "model": "bert_large-train-512-2"}
    case = Case(row)
    assert 1.5 < backward_ns(case) / (step_ns(case) - backward_ns(case)) < 2.5


def test_what_steps_say_of_a_gpu_names_its_errors(tmp_path: Path) -> None:
    rows = (
        "NVIDIA_H100_80GB_HBM3,bert_large-inf-512-8,69.8,69.8,0,86.2,48.1",
        "Tesla_T4,bert_large-inf-512-8,694.5,694.5,0,86.2,48.1",
    )
    (tmp_path / "gpu_model_e2e.csv").write_text(HEADER + "\n".join(rows) + "\n")
    found = dict(texts(known_cases(tmp_path)))
    assert list(found) == ["gpu-h100", "gpu-t4"]
    assert "inference " in found["gpu-h100"]
    assert "training" not in found["gpu-t4"]
