"""Whole answers from files: what `hptc solve --json` printed, held against the problem."""

from pathlib import Path

from hptc.partition.check import check, check_limits
from hptc.partition.files.answer import read_assignment, read_time
from hptc.partition.files.json_reader import Reader
from hptc.partition.files.problem import FileProblem
from hptc.partition.files.read import read_json
from hptc.partition.files.told import check_told
from hptc.partition.files.told_front import check_front
from hptc.partition.goal import Objective
from hptc.partition.period.check import check_periodic
from hptc.partition.period.periodic import Periodic
from hptc.partition.problem import Assignment


def check_answer(
    file_problem: FileProblem, path: Path, within: Objective = Objective.LATENCY
) -> Assignment:
    """Read an answer to a problem, or a steady state, and prove that it keeps every rule.

    Args:
        file_problem: What is answered.
        path: The answer.
        within: Its limits on latency and energy, which all that is answered has to keep.

    Returns:
        The assignment; what the answer tells of its time, energy, objective and front is true.

    Raises:
        ProblemError: the file does not have the form of an answer.
        VerifyError: names the rule that the answer breaks.
    """
    reader, problem = Reader(str(path)), file_problem.problem
    top = reader.record("the file", read_json(path), ())
    found = read_assignment(reader, "the file", top, file_problem)
    period_ns = read_time(reader, "period_ns", top["period_ns"]) if "period_ns" in top else None
    if period_ns is None:
        check(problem, found)
    else:
        check_periodic(problem, Periodic(period_ns, found))
    check_limits(problem, found, within)
    check_told(reader, top, problem, found, period_ns)
    check_front(reader, top, file_problem, found, within)
    return found
