"""What every cost model offers, and what every table of device parameters has in common."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cost_models.work import TaskWork
from hptc.cost import DeviceCosts

TABLE = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)
"""How every table of a target is read; what is said of a key gets into the JSON Schema."""
_LARGEST = 1e30
_MOST = 10**15


def _measurable(number: float) -> float:
    """Refuse numbers whose products leave the range of a double."""
    if number and not 1 / _LARGEST <= number <= _LARGEST:
        raise ValueError(f"from {1 / _LARGEST:g} to {_LARGEST:g}")
    return number


Count = Annotated[int, Field(gt=0, le=_MOST)]
"""A whole number of things, at least one."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(_measurable)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_measurable)]
Fraction = Annotated[float, Field(gt=0, le=1), AfterValidator(_measurable)]
"""A share of a peak that is reached."""


class DeviceParams(BaseModel):
    """Parameters that every kind of device has; each kind adds its own.

    Keys end in their unit. Numbers live in `targets/*.toml`, never in code, so there is one copy of
    each, next to where it came from.
    """

    model_config = TABLE

    static_power_w: NonNegative
    """Drawn for as long as the device is powered, whatever it does."""
    sources: Mapping[str, str] = Field(default_factory=dict)
    """Where each number comes from, by its key; `assumption: ...` where nothing was found."""
    validation: Mapping[str, str] = Field(default_factory=dict)
    """The table and the error for each figure that was compared with one; figures are those of
    the kind (`registry.DeviceKind.figures`). What is not here is not validated."""


class MemoryParams(DeviceParams):
    """Parameters of devices that compute on what lies in their memory."""

    memory_bytes: Count | None = None
    """Most that may lie in the memory at a time; None: enough for everything."""
    units: Count = 1
    """Identical devices such as this over one memory: so many tasks at a time, each with the rates
    that the table tells. They are powered together."""


class CostModel(Protocol):
    """Prices tasks on one device."""

    def device_costs(self, name: str, work: Sequence[TaskWork]) -> DeviceCosts:
        """Return what the device called `name` charges for each task.

        Args:
            name: Name of the device in the target.
            work: Tasks to price, each as if it ran alone.

        Returns:
            A cost in ns and pJ for each task, None where the device cannot run it.
        """
        ...

    def figures(self) -> Mapping[str, float]:
        """Return what describes the device as a whole, by names that end in their unit."""
        ...
