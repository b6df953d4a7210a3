"""The options of a compilation and what it found, read back from the records in a bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from pydantic import TypeAdapter, ValidationError

from hptc.errors import BundleError
from hptc.ir.graph import Phase
from hptc.schedule.model import Bundle


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the runtime needs to know of the compilation."""

    loss: str
    """As `--loss` has it, with every setting; so the optimizer."""
    optimizer: str
    clip_norm: float | None
    accumulate: int
    """Micro-batches in a step."""
    lr: float
    train: str | None
    frozen: str | None
    shape: Mapping[str, int]
    """Values of dynamic dimensions."""
    inputs: tuple[str, ...]
    """The model's own names of its inputs, in order."""
    output_index: int
    """Position of the output that the loss takes."""
    tied: Mapping[str, str]
    """Other names of a parameter, with the one that the bundle uses."""


_RECORDED = TypeAdapter(Recorded)


@dataclass(frozen=True, slots=True)
class _Wear:
    steps_to_failure: int | None = None


@dataclass(frozen=True, slots=True)
class _Report:
    phases: Mapping[str, _Wear] = field(default_factory=dict)


_REPORT = TypeAdapter(_Report)


def recorded(bundle: Bundle) -> Recorded:
    """Return the options that `bundle` was compiled with.

    Raises:
        BundleError: One is missing, or of another type.
    """
    known = {field.name for field in fields(Recorded)}
    given = {name: value for name, value in bundle.options.items() if name in known}
    try:
        return _RECORDED.validate_python(given)
    except ValidationError as error:
        raise _malformed(f"bundle {bundle.name}, option", error) from error


def lasting_steps(bundle: Bundle, phase: Phase) -> int | None:
    """Return the steps of a phase that its crossbars last, None if it writes none in its steps.

    Raises:
        BundleError: The report of the compilation says something else.
    """
    try:
        found = _REPORT.validate_python(bundle.report).phases.get(phase.value)
    except ValidationError as error:
        raise _malformed(f"bundle {bundle.name}, report", error) from error
    return None if found is None else found.steps_to_failure


def _malformed(where: str, error: ValidationError) -> BundleError:
    first = error.errors(include_url=False)[0]
    return BundleError(
        f"{where} {'.'.join(map(str, first['loc']))}",
        expected="a record of the compilation",
        found=first["msg"],
        hint="Compile the model again.",
    )
