"""`hptc passes` and `hptc doctor`: what this installation consists of."""

from importlib.metadata import PackageNotFoundError, version

import typer

from hptc.cli.arguments import AsJson
from hptc.cli.guard import guarded
from hptc.cli.output import new_table, print_json, print_table, say

PACKAGES = ("torch", "onnx", "onnxruntime", "ortools", "numpy", "networkx", "pydantic")


@guarded
def list_passes(as_json: AsJson = False) -> None:
    """List the passes over the step graph, in order."""
    from passes import PIPELINE

    found = {step.name: (type(step).__doc__ or "").split("\n")[0] for step in PIPELINE}
    if as_json:
        print_json({"passes": [{"name": name, "about": text} for name, text in found.items()]})
        return
    table = new_table("passes, in order", "name")
    table.add_column("what it does")
    for name, text in found.items():
        table.add_row(name, text)
    print_table(table)


@guarded
def doctor(as_json: AsJson = False) -> None:
    """Check the installation: versions, a built-in target, a small solve."""
    import platform

    from cost_models.load import load_target
    from hptc import __version__
    from hptc.partition.problem import Device, Mode, Problem, Task
    from hptc.partition.solve import solve

    found = {"hptc": __version__, "python": platform.python_version()}
    found |= {name: _version(name) for name in PACKAGES}
    target = load_target("hybrid")
    problem = Problem((Device("d"),), (), (Task("t", (Mode(0, 5),)),), ())
    solved = solve(problem).assignment.makespan_ns == problem.tasks[0].modes[0].duration_ns
    ok = solved and "missing" not in found.values()
    if as_json:
        print_json({"ok": ok, "versions": found, "target": target.name, "solver": solved})
    else:
        for name, text in found.items():
            say(f"{name:>12} {text}")
        say("all is well" if ok else "something is missing")
    if not ok:
        raise typer.Exit(1)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
