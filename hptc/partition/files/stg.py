"""The Standard Task Graph form: identical processors, no communication."""

from itertools import permutations
from pathlib import Path

from hptc.partition.files.json_reader import LARGEST, malformed
from hptc.partition.problem import Device, Link, Mode, Problem, Task, Value

HEADER = 3
"""Numbers before the predecessors of a row: task, time, number of predecessors."""


def stg_problem(path: Path, text: str, processors: int) -> Problem:
    """Read tasks 0 to n + 1 (dummy entry and exit included) on identical processors.

    Processors are connected by links that take no time. More processors than tasks are never used
    and left out.
    """
    lines = [line.split() for line in text.splitlines()]
    rows = [words for words in lines if words and not words[0].startswith("#")]
    if not rows or len(rows[0]) != 1:
        raise malformed(path, "a first line with the number of tasks", repr(text[:40]))
    count = _number(path, 0, rows[0][0]) + 2
    if len(rows) - 1 != count:
        wanted = f"{count} rows of tasks after the first (entry and exit included)"
        raise malformed(path, wanted, len(rows) - 1)
    processors = min(processors, count)
    tasks, values = [], []
    for task, words in enumerate(rows[1:]):
        numbers = [_number(path, task + 1, word) for word in words]
        if numbers[0] != task or numbers[HEADER - 1 : HEADER] != [len(numbers) - HEADER]:
            wanted = f"row {task + 1} as: {task}, time, number of predecessors, predecessors"
            raise malformed(path, wanted, " ".join(words))
        tasks.append(Task(f"t{task}", tuple(Mode(p, numbers[1]) for p in range(processors))))
        for before in numbers[HEADER:]:
            if before >= count:
                raise malformed(f"{path}: task {task}", f"tasks below {count}", before)
            values.append(Value(before, (task,), 0))
    devices = tuple(Device(f"p{i}") for i in range(processors))
    links = tuple(Link(a, b, 1.0, 0) for a, b in permutations(range(processors), 2))
    return Problem(devices, links, tuple(tasks), tuple(values))


def _number(path: Path, row: int, word: str) -> int:
    is_number = word.isascii() and word.isdigit() and len(word) <= len(str(LARGEST))
    if not is_number or int(word) > LARGEST:
        raise malformed(f"{path}: row {row}", f"integers from 0 to {LARGEST:.0e}", word)
    return int(word)
