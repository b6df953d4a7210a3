"""What is busy when in an assignment, for its judge; shares no code with the solvers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from hptc.errors import VerifyError
from hptc.partition.problem import Assignment, Mode, Problem

Span = tuple[int, int, str]
"""Start and end in ns of what is busy, and its name."""
Busy = tuple[str, int, list[Span]]
"""A rule, how many units it allows to be busy at a time, and when each one is."""


def broken(rule: str, expected: object, found: object) -> VerifyError:
    """Return the error that names a broken rule."""
    return VerifyError(
        f"assignment breaks the rule {rule!r}", expected=str(expected), found=str(found)
    )


def chosen_modes(problem: Problem, assignment: Assignment) -> list[Mode]:
    """Return the mode of each task."""
    pairs = zip(problem.tasks, assignment.placements, strict=True)
    return [task.modes[placement.mode] for task, placement in pairs]


def check_exclusive(rule: str, spans: Iterable[Span]) -> None:
    """Prove that spans do not overlap; one that takes no time lies in none of the others."""
    last: Span | None = None
    for span in sorted(spans):
        if last is not None and span[0] < last[1]:
            found = f"{last[2]} until {last[1]} and {span[2]} from {span[0]}"
            raise broken(rule, "one at a time", found)
        last = span


def check_units(rule: str, units: int, spans: Iterable[Span]) -> None:
    """Count who runs at the start of each; one that takes no time takes no unit."""
    running: list[Span] = []
    for start, end, name in sorted(span for span in spans if span[0] < span[1]):
        running = [span for span in running if span[1] > start]
        running.append((start, end, name))
        if len(running) > units:
            names = ", ".join(span[2] for span in running)
            raise broken(rule, units, f"{names} at {start}")


def busy_tasks(problem: Problem, assignment: Assignment) -> Iterator[Busy]:
    """Yield when tasks hold each device, or each matrix of a spatial one."""
    rows: dict[tuple[int, int | None], list[Span]] = defaultdict(list)
    for task, placement, mode in zip(
        problem.tasks, assignment.placements, chosen_modes(problem, assignment), strict=True
    ):
        spatial = problem.devices[mode.device].capacity_crossbars is not None
        row = (mode.device, mode.matrix if spatial else None)
        rows[row].append((placement.start_ns, placement.end_ns, task.name))
    for (device, matrix), spans in rows.items():
        name = problem.devices[device].name
        at = name if matrix is None else f"{name}/{problem.matrices[matrix].name}"
        units = problem.devices[device].count
        most = "one task" if units == 1 else f"at most {units} tasks"
        yield f"{most} at a time on {at}", units, spans


def busy_links(problem: Problem, assignment: Assignment) -> Iterator[Busy]:
    """Yield when transfers hold each link."""
    links: dict[int, list[Span]] = defaultdict(list)
    for t in assignment.transfers:
        links[t.link].append((t.start_ns, t.end_ns, label(problem, t.value)))
    for position, spans in links.items():
        link = problem.links[position]
        ends = f"{problem.devices[link.src].name}->{problem.devices[link.dst].name}"
        yield f"one transfer at a time on {ends}", 1, spans


def label(problem: Problem, v: int) -> str:
    """Return what messages call a value."""
    return f"value {v} of {problem.tasks[problem.values[v].src].name}"
