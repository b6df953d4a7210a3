"""Step graphs of models as problems of the partitioner."""

from torch import Tensor

from benchmarks.applications.models import HEADS, Application, build
from benchmarks.model_folder import FolderModel
from cost_models.price import price
from hptc.frontend.capture import capture
from hptc.frontend.losses import Loss, Mse, parse_loss
from hptc.frontend.recipe import Recipe
from hptc.frontend.source import ModelLike, read_source
from hptc.ir.graph import Graph, Phase
from hptc.ir.tasks import tasks_of
from hptc.options import Options, make_options
from hptc.schedule.pose import Posed, pose
from hptc.target import Target
from passes import PIPELINE, run_passes


def step_problem(model: FolderModel, phase: Phase, target: Target) -> Posed:
    """Return one phase of a model, with the options of the command line, as a problem."""
    return posed_on(step_graph(model, phase), target)


def step_graph(model: FolderModel, phase: Phase) -> Graph:
    """Return one phase of a model of a folder, with the options of the command line."""
    options = make_options(phases=(phase,))
    return run_passes(_captured(str(model.path), None, parse_loss(model.loss), options), PIPELINE)


def station_graph(application: Application, phase: Phase) -> Graph:
    """Return one phase of a station model of HpT at its published size; `low` trains its heads."""
    return run_passes(captured_station(application, phase), PIPELINE)


def captured_station(application: Application, phase: Phase) -> Graph:
    """Return the same as captured, before any pass."""
    case = build(application, application.paper)
    return _captured(case.model, case.inputs, Mse(), make_options(phases=(phase,), train=HEADS))


def posed_on(graph: Graph, target: Target) -> Posed:
    """Return the problem that a step is on a target."""
    tasks = tasks_of(graph)
    return pose(graph, tasks, price(graph, tasks, target), target)


def _captured(
    model: ModelLike, inputs: tuple[Tensor, ...] | None, loss: Loss, options: Options
) -> Graph:
    (phase,) = options.phases
    source = read_source(model, inputs, options.dimensions, options.selection)
    recipe = Recipe(loss=loss, optimizer=options.optimizer)
    captured = capture(source.model, (phase,), recipe, options.adapter, options.selection, 0)
    return captured.graphs[phase]
