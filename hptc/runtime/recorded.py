"""The options of a compilation, read back from the record in a bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from pydantic import TypeAdapter, ValidationError

from hptc.errors import BundleError
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
        first = error.errors(include_url=False)[0]
        raise BundleError(
            f"bundle {bundle.name}, option {'.'.join(map(str, first['loc']))}",
            expected="a record of the compilation",
            found=first["msg"],
            hint="Compile the model again.",
        ) from error
