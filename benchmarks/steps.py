"""Step graphs of models as problems of the partitioner."""

from benchmarks.model_folder import FolderModel
from cost_models.price import price
from hptc.frontend.capture import capture
from hptc.frontend.losses import parse_loss
from hptc.frontend.recipe import Recipe
from hptc.frontend.source import read_source
from hptc.ir.graph import Phase
from hptc.ir.tasks import tasks_of
from hptc.options import make_options
from hptc.schedule.pose import Posed, pose
from hptc.target import Target
from passes import PIPELINE, run_passes


def step_problem(model: FolderModel, phase: Phase, target: Target) -> Posed:
    """Return one phase of a model, with the options of the command line, as a problem."""
    options = make_options(phases=(phase,), loss=model.loss)
    source = read_source(str(model.path), None, options.dimensions, options.selection)
    recipe = Recipe(loss=parse_loss(model.loss), optimizer=options.optimizer)
    captured = capture(source.model, (phase,), recipe, options.adapter, options.selection, 0)
    graph = run_passes(captured.graphs[phase], PIPELINE)
    tasks = tasks_of(graph)
    return pose(graph, tasks, price(graph, tasks, target), target)
