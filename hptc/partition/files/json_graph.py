"""The JSON form of a problem, piece by piece; `docs/problem.md` describes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from hptc.errors import InfeasibleError
from hptc.partition.files.json_reader import Reader
from hptc.partition.files.problem import FileProblem
from hptc.partition.files.runs import Id
from hptc.partition.problem import (
    Device,
    Link,
    Matrix,
    Mode,
    Problem,
    Resident,
    Task,
    Value,
    Write,
)

Piece = TypeVar("Piece")

MOST_CROSSBARS = 10**12
"""Of one matrix: a million such still add up within 64 bits."""


@dataclass(slots=True)
class Names:
    """What the pieces read so far are called, with their positions."""

    devices: dict[str, int] = field(default_factory=dict)
    matrices: dict[str, int] = field(default_factory=dict)
    tasks: dict[Id, int] = field(default_factory=dict)


def read_device(reader: Reader, index: int, raw: object, names: Names) -> Device:
    """Return a device, and note its name; a bare name is one unit without limits."""
    where = f"device {index}"
    record = {"name": raw} if isinstance(raw, str) else raw
    optional = ("count", "capacity_crossbars", "memory_bytes", "static_power_pj_per_ns")
    found = reader.record(where, record, ("name",), optional)
    name = reader.text(f"{where}: name", found["name"])
    reader.note(where, name, names.devices)
    power = reader.number(f"{where}: static power", found.get("static_power_pj_per_ns", 0))
    return Device(
        name,
        reader.optional_whole(f"{where}: capacity_crossbars", found.get("capacity_crossbars")),
        power,
        reader.whole(f"{where}: count", found.get("count", 1)),
        reader.optional_whole(f"{where}: memory_bytes", found.get("memory_bytes")),
    )


def read_link(reader: Reader, index: int, raw: object, names: Names) -> Link:
    """Return a link between two devices, which go by name or position."""
    where = f"link {index}"
    record = reader.record(where, raw, ("src", "dst", "bw_bytes_per_ns", "latency_ns"))
    return Link(
        reader.member(f"{where}: src", record["src"], names.devices),
        reader.member(f"{where}: dst", record["dst"], names.devices),
        reader.rate(f"{where}: bw_bytes_per_ns", record["bw_bytes_per_ns"]),
        reader.whole(f"{where}: latency_ns", record["latency_ns"]),
        reader.number(f"{where}: energy_pj_per_byte", record.get("energy_pj_per_byte", 0)),
    )


def read_matrix(reader: Reader, index: int, raw: object, names: Names) -> Matrix:
    """Return a matrix, and note its name."""
    where = f"matrix {index}"
    record = reader.record(where, raw, ("name", "device", "crossbars"), ())
    name = reader.text(f"{where}: name", record["name"])
    reader.note(where, name, names.matrices)
    return Matrix(
        name,
        reader.member(f"{where}: device", record["device"], names.devices),
        reader.whole(f"{where}: crossbars", record["crossbars"], MOST_CROSSBARS),
    )


def read_task(reader: Reader, index: int, raw: object, names: Names) -> Task:
    """Return a task without the modes that it forbids, and note its id."""
    record = reader.record(f"task {index}", raw, ("id",))
    task_id = reader.identifier(f"task {index}", record["id"])
    where = f"task {task_id!r}"
    reader.note(where, task_id, names.tasks)
    if "modes" in record and "cost" in record:
        raise reader.malformed(where, "one of cost and modes", "both")
    if "modes" in record:
        rows = reader.array(f"{where}: modes", record["modes"])
        modes = [_mode(reader, f"{where}: mode {i}", row, names) for i, row in enumerate(rows)]
    else:
        cost = reader.record(where, record, ("cost",))["cost"]
        modes = _costed(reader, f"{where}: cost", cost, names.devices)
    places = reader.array(f"{where}: forbid", record.get("forbid", []))
    forbidden = {reader.member(f"{where}: forbid", place, names.devices) for place in places}
    label, again = record.get("block"), record.get("recompute", False)
    if not isinstance(again, bool):
        raise reader.malformed(f"{where}: recompute", "true or false", repr(again))
    return Task(
        str(reader.identifier(f"{where}: name", record.get("name", task_id))),
        tuple(mode for mode in modes if mode.device not in forbidden),
        None if label is None else reader.text(f"{where}: block", label),
        again,
    )


def _mode(reader: Reader, where: str, raw: object, names: Names) -> Mode:
    record = reader.record(where, raw, ("device", "duration_ns"), ("energy_pj", "matrix"))
    matrix = record.get("matrix")
    return Mode(
        reader.member(f"{where}: device", record["device"], names.devices),
        reader.whole(f"{where}: duration_ns", record["duration_ns"]),
        reader.whole(f"{where}: energy_pj", record.get("energy_pj", 0)),
        None if matrix is None else reader.member(f"{where}: matrix", matrix, names.matrices),
    )


def _costed(reader: Reader, where: str, raw: object, devices: Mapping[str, int]) -> list[Mode]:
    """Return one mode for each cost, given as a list over all devices or by name."""
    if isinstance(raw, dict):
        pairs = [(reader.member(where, name, devices), cost) for name, cost in raw.items()]
    else:
        costs = reader.array(where, raw)
        if len(costs) != len(devices):
            found = f"{len(costs)} costs"
            raise reader.malformed(where, f"one cost per device ({len(devices)})", found)
        pairs = list(enumerate(costs))
    return [Mode(d, reader.whole(where, cost)) for d, cost in sorted(pairs) if cost is not None]


def read_edge(reader: Reader, index: int, raw: object, names: Names) -> Value:
    """Return an edge as a value with one reader."""
    where = f"edge {index}"
    record = reader.record(where, raw, ("src", "dst", "bytes"))
    src, dst = (reader.task(where, record[end], names.tasks) for end in ("src", "dst"))
    return Value(src, (dst,), reader.whole(f"{where}: bytes", record["bytes"]))


def read_value(reader: Reader, index: int, raw: object, names: Names) -> Value:
    """Return a value that is sent once to each device, however many readers it has there."""
    where = f"value {index}"
    record = reader.record(where, raw, ("src", "readers", "bytes"), ("carried", "writes"))
    carried = record.get("carried", False)
    if not isinstance(carried, bool):
        raise reader.malformed(f"{where}: carried", "true or false", repr(carried))
    return Value(
        reader.task(where, record["src"], names.tasks),
        read_group(reader, f"{where}: readers", record["readers"], names.tasks),
        reader.whole(f"{where}: bytes", record["bytes"]),
        carried,
        tuple(
            _write(reader, f"{where}: write {i}", row, names)
            for i, row in enumerate(reader.array(f"{where}: writes", record.get("writes", [])))
        ),
    )


def _write(reader: Reader, where: str, raw: object, names: Names) -> Write:
    record = reader.record(where, raw, ("device", "duration_ns"), ("energy_pj",))
    return Write(
        reader.member(f"{where}: device", record["device"], names.devices),
        reader.whole(f"{where}: duration_ns", record["duration_ns"]),
        reader.whole(f"{where}: energy_pj", record.get("energy_pj", 0)),
    )


def read_resident(reader: Reader, index: int, raw: object, names: Names) -> Resident:
    """Return what lies wherever it is read."""
    where = f"resident {index}"
    record = reader.record(where, raw, ("readers", "bytes"), ())
    return Resident(
        read_group(reader, f"{where}: readers", record["readers"], names.tasks),
        reader.whole(f"{where}: bytes", record["bytes"]),
    )


def read_group(reader: Reader, where: str, raw: object, tasks: Mapping[Id, int]) -> tuple[int, ...]:
    """Return the positions of distinct tasks."""
    members = reader.array(where, raw)
    return tuple(dict.fromkeys(reader.task(where, member, tasks) for member in members))


def json_problem(reader: Reader, data: object) -> FileProblem:
    """Return the problem that a JSON object describes.

    Raises:
        ProblemError: a piece is missing, malformed or named twice.
        InfeasibleError: a task has no device.
    """
    needed = ("devices", "links", "tasks")
    top = reader.record("the file", data, needed)
    if "values" not in top:
        reader.record("the file", data, (*needed, "edges"))
    names = Names()

    def read(key: str, piece: Callable[[Reader, int, object, Names], Piece]) -> tuple[Piece, ...]:
        rows = reader.array(key, top.get(key, []))
        return tuple(piece(reader, index, raw, names) for index, raw in enumerate(rows))

    devices, links = read("devices", read_device), read("links", read_link)
    matrices, tasks = read("matrices", read_matrix), read("tasks", read_task)
    edges, values = read("edges", read_edge), read("values", read_value)
    residents = read("residents", read_resident)
    groups = reader.array("together", top.get("together", []))
    for task, task_id in zip(tasks, names.tasks, strict=True):
        if not task.modes:
            raise InfeasibleError(
                f"{reader.path}: task {task_id!r} ({task.name})",
                expected="a placement: a cost on at least one device that it does not forbid",
                found="none",
            )
    kept = tuple(i for i, link in enumerate(links) if link.src != link.dst)
    together = tuple(
        read_group(reader, f"together {i}", raw, names.tasks) for i, raw in enumerate(groups)
    )
    used = tuple(links[i] for i in kept)
    problem = Problem(devices, used, tasks, (*edges, *values), matrices, together, residents)
    return FileProblem(problem, tuple(names.tasks), kept, len(edges))
