"""Lanes of the timeline: one for each device, matrix of a spatial device, and link."""

from collections.abc import Iterable

from hptc.schedule.model import Instruction, InstructionKind
from hptc.viz.data import LaneRow

_KINDS = ("device", "matrix", "link")


def lane_of(instruction: Instruction) -> LaneRow:
    """Return the lane on which an instruction is drawn."""
    device, place = instruction.device, instruction.place
    if instruction.kind is InstructionKind.TRANSFER:
        return LaneRow(place, "", "link")
    if place.startswith(f"{device}/"):
        return LaneRow(place, device, "matrix")
    if place == device:
        return LaneRow(place, device, "device")
    return LaneRow(place, "", "link")


def lanes(instructions: Iterable[Instruction], devices: Iterable[str]) -> tuple[LaneRow, ...]:
    """Return the lanes in drawing order: each device, then its matrices; links at the end.

    `devices` are drawn even if nothing runs there.
    """
    found = dict.fromkeys(LaneRow(name, name, "device") for name in devices)
    found |= dict.fromkeys(lane_of(instruction) for instruction in instructions)
    order = {name: rank for rank, name in enumerate(dict.fromkeys(lane.device for lane in found))}

    def place(lane: LaneRow) -> tuple[bool, int, int]:
        return lane.kind == "link", order[lane.device], _KINDS.index(lane.kind)

    return tuple(sorted(found, key=place))
