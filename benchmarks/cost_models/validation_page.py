"""Write `docs/validation.md`: what tables have validated of the built-in targets, and what not.

    python -m benchmarks.cost_models.validation_page

The page follows from the `validation` tables of the targets; a test compares the two.
"""

from collections.abc import Iterator
from pathlib import Path

from cost_models.link import WIRE_FIGURES
from cost_models.link_presets import link_preset, link_presets
from cost_models.load import builtin_targets, load_target
from cost_models.registry import KINDS
from cost_models.validated import Verdicts, device_validation
from hptc.target import DeviceSpec

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
HEAD = """\
# What is validated, and by what

Written by `python -m benchmarks.cost_models.validation_page` from the `validation` tables of the
built-in targets; do not edit. `hptc target show NAME` says the same of one target, and
`python -m benchmarks.cost_models` scores the parameters on the tables themselves. An error is the
mean relative error, unless it says otherwise.

No table validates what hptc adds up from these figures on hybrid hardware: a schedule, transfers
that wait for each other, memory that runs short, energy and wear of a whole step. There is no such
machine to measure.
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join((HEAD, *_never(), *_devices(), *_links()))


def _never() -> Iterator[str]:
    yield "## Validated by no table, in any built-in target\n"
    found = [(device.kind, device_validation(device)) for _, device in _distinct()]
    for name, kind in KINDS.items():
        known = [verdicts for of, verdicts in found if of == name]
        never = [key for key in kind.figures if not any(verdicts[key] for verdicts in known)]
        yield f"- `{name}`: {', '.join(never) or 'nothing'}"
    wires = [_wire(name) for name in link_presets()]
    never = [key for key in WIRE_FIGURES if not any(verdicts[key] for verdicts in wires)]
    yield f"- links: {', '.join(never) or 'nothing'}\n"


def _devices() -> Iterator[str]:
    for targets, device in _distinct():
        yield f"## Device `{device.name}` of {', '.join(targets)}\n"
        yield from _rows(device_validation(device))


def _links() -> Iterator[str]:
    yield "## Links by preset\n"
    yield "| preset | " + " | ".join(WIRE_FIGURES) + " |"
    yield "|---" * (1 + len(WIRE_FIGURES)) + "|"
    for name in link_presets():
        cells = (verdict or "not validated" for verdict in _wire(name).values())
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _wire(name: str) -> Verdicts:
    return {figure: link_preset(name).validation.get(figure) for figure in WIRE_FIGURES}


def _distinct() -> Iterator[tuple[list[str], DeviceSpec]]:
    """Every device of the built-in targets, with the targets that have it."""
    found: list[tuple[list[str], DeviceSpec]] = []
    for target in builtin_targets():
        for device in load_target(target).devices:
            alike = [names for names, known in found if known == device]
            if alike:
                alike[0].append(target)
            else:
                found.append(([target], device))
    yield from found


def _rows(verdicts: Verdicts) -> Iterator[str]:
    yield "| figure | table and error |"
    yield "|---|---|"
    for figure, verdict in verdicts.items():
        yield f"| {figure} | {verdict or '**not validated**'} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
