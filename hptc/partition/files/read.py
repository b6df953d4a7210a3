"""Task graphs from files: JSON, Standard Task Graphs (`.stg`), GraphML and DOT."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from hptc.errors import InfeasibleError, ProblemError, UsageError
from hptc.partition.files.graphs import graph_data
from hptc.partition.files.json_graph import json_problem
from hptc.partition.files.json_reader import Reader, malformed
from hptc.partition.files.problem import FileProblem
from hptc.partition.files.stg import stg_problem
from hptc.partition.prepare import prepare

MAX_PROCESSORS = 1024

GRAPHS = (".graphml", ".dot", ".gv")
"""Endings of the files that networkx reads."""


def read_problem(path: Path, *, processors: int | None = None) -> FileProblem:
    """Read a task graph.

    Args:
        path: `.stg`, `.graphml`, `.dot` or `.gv`; JSON under any other name.
        processors: how many identical processors an `.stg` graph runs on.

    Raises:
        ProblemError: the file is malformed or contradicts itself.
        InfeasibleError: a task has no device, or a group of tasks none in common.
        UsageError: `processors` is missing, below 1, or given for another form of file.
    """
    ending = path.suffix.lower()
    _check_processors(path, ending, processors)
    if processors is not None:
        found = _from_stg(path, processors)
    elif ending in GRAPHS:
        found = json_problem(Reader(str(path)), graph_data(path, read_text(path)))
    else:
        found = json_problem(Reader(str(path)), read_json(path))
    try:
        prepare(found.problem)
    except (ProblemError, InfeasibleError) as error:
        raise type(error)(
            f"{path}: {error.where}", expected=error.expected, found=error.found, hint=error.hint
        ) from None
    return found


def read_text(path: Path) -> str:
    """Return what a text file holds.

    Raises:
        ProblemError: it cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise malformed(path, "a readable text file", error) from None


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        ProblemError: it cannot be read, is no JSON, or an object has a key twice.
    """
    try:
        return json.loads(read_text(path), object_pairs_hook=_record)
    except (json.JSONDecodeError, RecursionError) as error:
        raise malformed(path, "JSON", error) from None
    except KeyError as error:
        raise malformed(path, "keys used once in an object", f"{error} again") from None
    except ValueError as error:
        raise malformed(path, "numbers of a sensible length", error) from None


def _record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        count = Counter(key for key, _ in pairs)
        raise KeyError(max(count, key=count.__getitem__))
    return found


def _check_processors(path: Path, ending: str, processors: int | None) -> None:
    is_stg = ending == ".stg"
    if is_stg and (processors is None or not 1 <= processors <= MAX_PROCESSORS):
        raise UsageError(
            f"{path}",
            expected=f"--processors M with M from 1 to {MAX_PROCESSORS} for an .stg graph",
            found="none" if processors is None else str(processors),
        )
    if not is_stg and processors is not None:
        raise UsageError(
            f"{path}",
            expected="--processors only with an .stg graph",
            found=f"--processors {processors} with another",
            hint="Devices are listed in the file.",
        )


def _from_stg(path: Path, processors: int) -> FileProblem:
    problem = stg_problem(path, read_text(path), processors)
    return FileProblem(problem, tuple(range(len(problem.tasks))), None, len(problem.values))
