"""Records of a training run, and the log they make: one JSON object a line."""

import json
from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from hptc.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the run has cost up to and including a record, as modelled."""

    total_ns: float = 0.0
    total_pj: float = 0.0
    cell_writes: int = 0
    """ReRAM cells written; a cell counts each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One training step."""

    event: ClassVar[str] = "step"
    step: int
    """Counted from 1 over the whole run."""
    phase: str
    """`full`, `dual` (both forms on the same samples) or `low`."""
    loss: float
    """Before the update; of `full` in `dual`."""
    low_loss: float | None
    """Of `low` in `dual`, else None."""
    latency_ns: float
    """Modelled time of the step; the sum of both in `dual`."""
    energy_pj: float
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRecord:
    """The next step runs in another way than the last; `dual` to `dual` is a fresh adapter."""

    event: ClassVar[str] = "switch"
    step: int
    """Steps taken before."""
    src: str
    dst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRecord:
    """A phase was entered: its crossbars were programmed."""

    event: ClassVar[str] = "enter"
    step: int
    """Steps taken before."""
    phase: str
    """`full` or `low`."""
    program_ns: float
    program_pj: float
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRecord:
    """Loss on the validation samples after an epoch; not charged to the run."""

    event: ClassVar[str] = "validation"
    step: int
    """Steps taken before."""
    epoch: int
    """Counted from 1."""
    loss: float
    """Mean over the validation steps."""


Record = StepRecord | SwitchRecord | EntryRecord | ValidationRecord


def record_object(record: Record) -> dict[str, object]:
    """Return a record as a flat JSON object, its kind under `event`."""
    fields = asdict(record)
    totals = fields.pop("totals", {})
    return {"event": record.event, **fields, **totals}


def write_log(records: Iterable[Record], path: Path) -> Generator[Record, None, None]:
    """Write each record as a line of JSON, then hand it on.

    Lines are written whole and unbuffered, so the file is a valid prefix of the log whenever the
    run stops. An existing file is replaced.

    Args:
        records: The records of a run.
        path: The log file.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        stream = path.open("wb", buffering=0)
    except OSError as error:
        raise UsageError(
            f"log {path}", expected="a file that can be written", found=str(error)
        ) from error
    with stream:
        for record in records:
            line = json.dumps(record_object(record), allow_nan=False)
            stream.write(line.encode() + b"\n")
            yield record
