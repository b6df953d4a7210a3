"""The envelope of a target: which devices and links exist. Data only.

Device tables stay raw here; `cost_models.load` validates each against the parameter model of its
kind, since only the cost models know what a device needs to be told.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """One device of a target."""

    name: str
    kind: str
    """Key of the cost-model registry: `gpu`, `systolic`, `reram`."""
    table: Mapping[str, object]
    """The device's table as written, without `kind`."""
    memory_bytes: int | None = None
    """Most that may lie there at a time; None: enough for everything."""
    units: int = 1
    """Identical devices over one memory, each of which runs a task."""


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """One directed link; it carries one transfer at a time."""

    src: str
    dst: str
    bandwidth_bytes_per_ns: float
    latency_ns: float
    energy_pj_per_bit: float


@dataclass(frozen=True, slots=True)
class NumberRange:
    """A number that sources disagree about, in the unit its key ends in."""

    path: str
    """`devices.NAME.KEY`, `links.SRC-DST.KEY` or `topology.KEY`."""
    low: float
    typical: float
    """What costs are worked out from."""
    high: float
    source: str


@dataclass(frozen=True, slots=True)
class Target:
    """A validated target, with `extends` and overrides applied."""

    name: str
    devices: tuple[DeviceSpec, ...]
    links: tuple[LinkSpec, ...]
    toml: str
    """The effective document, as stored in a bundle; ranges are kept in it."""
    ranges: tuple[NumberRange, ...] = ()
    """Devices and links hold the typical number of each."""

    def device(self, name: str) -> DeviceSpec:
        """Return the device called `name` (KeyError if there is none)."""
        for spec in self.devices:
            if spec.name == name:
                return spec
        raise KeyError(name)
