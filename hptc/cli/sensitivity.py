"""The tables of `hptc compile --sensitivity`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hptc.cli.guard import warn
from hptc.cli.output import human_count, human_energy, human_time, new_table, print_table, say

_ENDS = ("at_low", "at_high")
_STEP = ("latency_ns", "energy_nj")
_ENTRY = ("program_ns", "program_nj", "steps_to_failure", "programmings_to_failure")
Json = Mapping[str, Any]
Pair = tuple[Json, Json]
"""Outcomes at the low and at the high end."""


def print_sensitivity(phase: str, found: Json) -> None:
    """Print how one phase moves over the ranges of its target, the largest effect first."""
    if not found["ranges"]:
        say(f"{phase}: the target has no ranges")
        return
    rows = {_label(item): (item["at_low"], item["at_high"]) for item in found["ranges"]}
    rows["all favourable, all adverse"] = (found["favourable"], found["adverse"])
    step = {name: pair for name, pair in rows.items() if _moves(pair, found["typical"], _STEP)}
    entry = {name: pair for name, pair in rows.items() if _moves(pair, found["typical"], _ENTRY)}
    if step:
        _print_step(phase, step)
    if entry:
        _print_entry(phase, entry)
    _say_still(phase, [item for item in found["ranges"] if _label(item) not in step | entry])
    _warn_of_time(phase, [outcome for pair in rows.values() for outcome in pair])


def _print_step(phase: str, rows: Mapping[str, Pair]) -> None:
    table = new_table(
        f"{phase}: the step as built -> decided anew, where a number is at its low or high end",
        *("number", "latency, low", "high", "energy, low", "high", "ops moved"),
    )
    for name, pair in rows.items():
        table.add_row(
            name,
            *(_both(outcome, lambda f: human_time(f["latency_ns"])) for outcome in pair),
            *(_both(outcome, lambda f: human_energy(f["energy_nj"])) for outcome in pair),
            ", ".join(map(_moved, pair)),
        )
    print_table(table)


def _print_entry(phase: str, rows: Mapping[str, Pair]) -> None:
    table = new_table(
        f"{phase}: programming at entry, and the steps or entries until a cell fails",
        *("number", "low", "high"),
    )
    for name, pair in rows.items():
        table.add_row(name, *(_both(outcome, _entry) for outcome in pair))
    print_table(table)


def _say_still(phase: str, items: Sequence[Json]) -> None:
    """Name the ranges that move nothing, apart from those of which only half is known."""
    known: dict[str, list[str]] = {}
    for item in items:
        is_open = any(item[end]["standing"] == "repriced" for end in _ENDS)
        words = "no effect as built, and not decided anew:" if is_open else "no effect of"
        known.setdefault(words, []).append(item["path"])
    for words, paths in known.items():
        say(f"{phase}: {words} {', '.join(paths)}")


def _label(item: Json) -> str:
    return f"{item['path']} {item['low']:g} .. {item['typical']:g} .. {item['high']:g}"


def _both(outcome: Json, tell: Callable[[Json], str]) -> str:
    """What is kept, and what is decided anew where that differs."""
    kept, resolved = outcome["kept"], outcome["resolved"]
    if kept is None and resolved is None:
        return "?" if outcome["standing"] == "skipped" else "infeasible"
    first = "infeasible" if kept is None else tell(kept)
    second = first if resolved is None else tell(resolved)
    return first if first == second else f"{first} -> {second}"


def _entry(figures: Json) -> str:
    text = f"{human_time(figures['program_ns'])}, {human_energy(figures['program_nj'])}"
    for key, unit in (("steps_to_failure", "steps"), ("programmings_to_failure", "entries")):
        if figures[key] is not None:
            text += f", {human_count(figures[key])} {unit}"
    return text


def _moved(outcome: Json) -> str:
    return "?" if outcome["ops_moved"] is None else str(outcome["ops_moved"])


def _moves(pair: Pair, typical: Json, keys: Sequence[str]) -> bool:
    """Whether an outcome differs from the answer in some figures, or could."""
    return any(
        bool(outcome["why"])
        or outcome["standing"] == "skipped"
        or any(
            figures is not None and any(figures[key] != typical[key] for key in keys)
            for figures in (outcome["kept"], outcome["resolved"])
        )
        for outcome in pair
    )


def _warn_of_time(phase: str, outcomes: Sequence[Json]) -> None:
    standings = [outcome["standing"] for outcome in outcomes]
    repriced, skipped = standings.count("repriced"), standings.count("skipped")
    if repriced or skipped:
        warn(
            f"{phase}: of {len(standings)} outcomes {repriced} are repriced only and {skipped} "
            "not worked out: raise --time-limit"
        )
