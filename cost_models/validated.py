"""Which figures of a target a table has checked, and which nothing has."""

import tomllib
from collections.abc import Iterable, Mapping

from cost_models.document import parse_document
from cost_models.link import WIRE_FIGURES, link_place
from cost_models.registry import KINDS
from hptc.target import DeviceSpec, Target

Verdicts = Mapping[str, str | None]
"""The table and the error of each figure, None where nothing checked it."""


def validation_of(target: Target) -> Mapping[str, Verdicts]:
    """Return what is validated of each device and wire, by its place in the document."""
    document = parse_document(tomllib.loads(target.toml), target.name)
    wires = {link_place(link.model_dump()): link.validation for link in document.links}
    if document.topology is not None:
        wires["topology"] = document.topology.validation
    return {
        **{f"devices.{device.name}": device_validation(device) for device in target.devices},
        **{place: _verdicts(WIRE_FIGURES, found) for place, found in wires.items()},
    }


def device_validation(device: DeviceSpec) -> Verdicts:
    """Return what is validated of a device: every figure that its kind prices."""
    kind = KINDS[device.kind]
    return _verdicts(kind.figures, kind.params.model_validate(device.table).validation)


def _verdicts(figures: Iterable[str], validation: Mapping[str, str]) -> Verdicts:
    return {figure: validation.get(figure) for figure in figures}
