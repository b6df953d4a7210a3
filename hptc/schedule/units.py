"""Which of the identical units of a device runs each task: the solver only counts them."""

from hptc.partition.problem import Assignment
from hptc.partition.timeline import deal
from hptc.schedule.pose import Posed


def dealt_units(posed: Posed, assignment: Assignment) -> dict[int, str]:
    """Return the unit of each task on a device of several, numbered from 1."""
    placements = assignment.placements
    modes = posed.chosen(assignment)
    spans = {
        task: (mode.device, placement.start_ns, placement.end_ns)
        for task, (mode, placement) in enumerate(zip(modes, placements, strict=True))
    }
    units = deal(spans, [device.count for device in posed.problem.devices])
    return {task: f"{posed.devices[modes[task].device]}#{1 + n}" for task, n in units.items()}
