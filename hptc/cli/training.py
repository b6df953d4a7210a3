"""What `hptc compile --steps` prints of a whole training."""

from collections.abc import Mapping
from typing import Any

from hptc.cli.output import above_bound, human_energy, human_time, new_table, print_table, say


def print_training(training: Mapping[str, Any]) -> None:
    """Print what the steps of all phases and the switches take, beside the GPU alone."""
    table = new_table(
        "training",
        *("phase", "steps", "time", "energy", "entry", "programmed", "kept", "moved"),
    )
    for name, cost in training["phases"].items():
        table.add_row(
            *(name, str(cost["steps"])),
            *(human_time(cost["latency_ns"]), human_energy(cost["energy_nj"])),
            f"{human_time(cost['entry_latency_ns'])}, {human_energy(cost['entry_energy_nj'])}",
            *(str(len(cost[what])) for what in ("programmed", "kept", "moved")),
        )
    print_table(table)
    line = f"training: {_taken(training)}"
    if training["all_gpu"] is not None:
        line += f"; all-GPU {_taken(training['all_gpu'])}"
    say(line)
    if "objective" in training:
        say(_objective(training))


def _objective(training: Mapping[str, Any]) -> str:
    above = above_bound(training["objective_gap"])
    scope = training["bound_holds_for"]
    if scope != "all schedules":
        above += f" (which holds for {scope})"
    return (
        f"training: {training['objective']} is {above}, {training['saved']:.2%} less than "
        f"phase by phase ({_taken(training['apart'])})"
    )


def _taken(training: Mapping[str, Any]) -> str:
    return f"{human_time(training['latency_ns'])}, {human_energy(training['energy_nj'])}"
