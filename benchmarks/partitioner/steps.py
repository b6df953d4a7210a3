"""The project's own steps: the models of a folder, and HpT's SWE, weather and wind models."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.applications.models import SWE, WEATHER, WIND
from benchmarks.model_folder import models_of
from benchmarks.partitioner.cases import Case, time_for
from benchmarks.steps import posed_on, station_graph, step_graph
from cost_models.load import load_target
from hptc.ir.graph import Graph, Phase

TARGETS = ("hybrid", "hybrid-stack")


def step_cases(folder: Path | None, phase: Phase) -> Iterator[Case]:
    """Yield all steps on both hybrid targets."""
    for name, graph in _graphs(folder, phase):
        for target in TARGETS:
            problem = posed_on(graph, load_target(target)).problem
            title = f"{name} {phase.value} {target}"
            yield Case(title, problem, time_for(len(problem.tasks)))


def _graphs(folder: Path | None, phase: Phase) -> Iterator[tuple[str, Graph]]:
    for model in models_of(folder) if folder else ():
        yield model.path.stem, step_graph(model, phase)
    for application in (SWE, WEATHER, WIND):
        yield application.name, station_graph(application, phase)
