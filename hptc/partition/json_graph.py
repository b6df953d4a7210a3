"""The pieces of a JSON task graph, checked one by one."""

from dataclasses import dataclass
from typing import Any

from hptc.errors import ProblemError
from hptc.partition.problem import Link, Mode, Task, Value

LARGEST = 10**18
"""Largest time or size accepted, in ns or bytes: beyond it is a mistake of units."""

LONGEST_QUOTE = 200
"""Characters of a malformed piece that an error repeats."""


def malformed(where: object, expected: str, found: object) -> ProblemError:
    """Return the error for a malformed piece of a file."""
    shown = str(found)
    if len(shown) > LONGEST_QUOTE:
        shown = f"{shown[:LONGEST_QUOTE]}…"
    return ProblemError(str(where), expected=expected, found=shown)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the pieces of one file; every complaint names file and place."""

    path: str

    def record(self, where: str, raw: object, keys: tuple[str, ...]) -> dict[str, Any]:
        """Return an object that has the given keys."""
        if not isinstance(raw, dict):
            raise malformed(f"{self.path}: {where}", "an object", repr(raw))
        missing = ", ".join(key for key in keys if key not in raw)
        if missing:
            wanted = f"an object with the keys {', '.join(keys)}"
            raise malformed(f"{self.path}: {where}", wanted, f"one without {missing}")
        return raw

    def array(self, where: str, raw: object) -> list[Any]:
        """Return a list."""
        if not isinstance(raw, list):
            raise malformed(f"{self.path}: {where}", "a list", repr(raw))
        return raw

    def whole(self, where: str, raw: object) -> int:
        """Return an integer from 0 to `LARGEST`; 5.0 counts as 5."""
        number = raw if isinstance(raw, int | float) and not isinstance(raw, bool) else -1
        if not 0 <= number <= LARGEST or number != int(number):
            wanted = f"an integer from 0 to {LARGEST:.0e}"
            raise malformed(f"{self.path}: {where}", wanted, repr(raw))
        return int(number)

    def position(self, where: str, raw: object, count: int) -> int:
        """Return the position of a device."""
        if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw < count:
            wanted = f"a device from 0 to {count - 1}"
            raise malformed(f"{self.path}: {where}", wanted, repr(raw))
        return raw

    def link(self, index: int, raw: object, devices: int) -> Link:
        """Return a link."""
        where = f"link {index}"
        record = self.record(where, raw, ("src", "dst", "bw_bytes_per_ns", "latency_ns"))
        speed = record["bw_bytes_per_ns"]
        is_number = isinstance(speed, int | float) and not isinstance(speed, bool)
        if not is_number or not 1 / LARGEST <= speed <= LARGEST:
            wanted = "a bw_bytes_per_ns above 0"
            raise malformed(f"{self.path}: {where}", wanted, repr(speed))
        return Link(
            self.position(f"{where}: src", record["src"], devices),
            self.position(f"{where}: dst", record["dst"], devices),
            float(speed),
            self.whole(f"{where}: latency_ns", record["latency_ns"]),
        )

    def task(self, index: int, raw: object, devices: int, ids: dict[int | str, int]) -> Task:
        """Return a task, and note its id in `ids`."""
        record = self.record(f"task {index}", raw, ("id", "cost"))
        task_id = record["id"]
        if not isinstance(task_id, int | str) or isinstance(task_id, bool):
            wanted = "an id (integer or string)"
            raise malformed(f"{self.path}: task {index}", wanted, repr(task_id))
        if task_id in ids:
            raise malformed(f"{self.path}: task {index}", "ids used once", f"{task_id!r} again")
        ids[task_id] = index
        costs = self.array(f"task {task_id!r}: cost", record["cost"])
        if len(costs) != devices:
            wanted = f"one cost per device ({devices})"
            raise malformed(f"{self.path}: task {task_id!r}", wanted, f"{len(costs)} costs")
        modes = tuple(
            Mode(device, self.whole(f"task {task_id!r}: cost", cost))
            for device, cost in enumerate(costs)
            if cost is not None
        )
        return Task(str(record.get("name", task_id)), modes)

    def edge(self, index: int, raw: object, ids: dict[int | str, int]) -> Value:
        """Return an edge as a value with one reader."""
        record = self.record(f"edge {index}", raw, ("src", "dst", "bytes"))
        for end in (record["src"], record["dst"]):
            if not isinstance(end, int | str) or isinstance(end, bool) or end not in ids:
                raise malformed(f"{self.path}: edge {index}", "the ids of two tasks", repr(end))
        size = self.whole(f"edge {index}: bytes", record["bytes"])
        return Value(ids[record["src"]], (ids[record["dst"]],), size)
