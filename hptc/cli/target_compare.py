"""`hptc target compare`: what two targets say otherwise."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from hptc.cli.arguments import AsJson, Overrides, TargetName
from hptc.cli.guard import guarded
from hptc.cli.output import new_table, print_json, print_table, say

if TYPE_CHECKING:
    from cost_models.compare import Side


@guarded
def compare_targets(
    left: TargetName, right: TargetName, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Show what two targets say otherwise, with sources; `--set` changes the second."""
    from cost_models.compare import differences, figures
    from cost_models.load import load_target

    pair = load_target(left), load_target(right, overrides or [])
    changed, merits = differences(*pair), figures(*pair)
    if as_json:
        print_json(
            {
                "left": left,
                "right": right,
                "differences": [asdict(item) for item in changed],
                "figures": [asdict(item) for item in merits],
            }
        )
        return
    for item in changed:
        say(f"{item.place}.{item.key}")
        _say_side(left, item.left)
        _say_side(right, item.right)
    if not changed:
        say("no difference")
    table = new_table("figures", "", left, right)
    for item in merits:
        table.add_row(f"{item.place}.{item.key}", _text(item.left), _text(item.right))
    print_table(table)


def _say_side(name: str, side: "Side") -> None:
    source = f"  ({side.source})" if side.source else ""
    say(f"  {name}: {_text(side)}{source}")


def _text(side: "Side") -> str:
    match side.value:
        case None:
            return "-"
        case float(number):
            return f"{number:.6g}"
        case {"low": low, "typical": typical, "high": high}:
            return f"{typical:g} ({low:g} to {high:g})"
    return str(side.value)
