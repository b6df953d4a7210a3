"""hptc's own graph of a step beside the kernels that eager torch starts for it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmarks.cost_models.gpu_devices import gpu_model
from benchmarks.cost_models.step_models import GptLayer, Sizes
from benchmarks.cost_models.step_record import record
from cost_models.work import TaskWork, count_work
from hptc.frontend.capture import capture
from hptc.frontend.recipe import Recipe
from hptc.frontend.source import read_source
from hptc.ir.graph import Graph, Phase, Role
from hptc.ir.tasks import tasks_of
from hptc.options import make_options
from passes import PIPELINE, run_passes

SIZES = Sizes(hidden=512, heads=8, ffn=2048, vocabulary=1, positions=1)


class Layer(nn.Module):
    """A layer and its mask."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = GptLayer(SIZES)

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        seen = torch.ones(1, 1, length, length, dtype=torch.bool, device=x.device)
        return self.layer(x, seen)  # type: ignore[no-any-return]


def captured() -> Graph:
    options = make_options(target="gpu", phases=("full",), optimizer="sgd")
    x = torch.zeros(2, 256, 512)
    source = read_source(Layer(), (x,), options.dimensions, options.selection)
    recipe = Recipe(optimizer=options.optimizer)
    graphs = capture(
        source.model, options.phases, recipe, options.adapter, options.selection, options.seed
    ).graphs
    return run_passes(graphs[Phase.FULL], PIPELINE)


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).pow(2).mean()


def macs(works: Sequence[TaskWork]) -> int:
    return sum(op.gemm.macs for work in works for op in work.ops if op.gemm is not None)


def test_the_step_graph_asks_of_a_gpu_what_eager_torch_does() -> None:
    graph = captured()
    step = [w for w in count_work(graph, tasks_of(graph)) if w.role is not Role.OPTIMIZER]
    with torch.device("meta"):
        layer = Layer()
        eager = record(layer, torch.zeros(2, 256, 512), training=True, loss=squared_error)
    kernels = [work for work in eager.forward + eager.backward if work is not None]
    assert macs(step) == macs(kernels)

    model = gpu_model("gpu-h100")
    graph_ns, eager_ns = (
        sum(kernel.device_ns for work in works for kernel in model.kernels(work))
        for works in (step, kernels)
    )
    # dropout is several operations in the graph, a bias an addition of its own
    assert 0.9 < graph_ns / eager_ns < 1.3
