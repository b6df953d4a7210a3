"""Write fitted numbers into target files, line by line: the rest of a file stays as it is."""

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.cost_models.gpu_devices import target_path

_DEVICE = "devices.gpu"
_HEADER = re.compile(r"^\[.*\]$")


def write_numbers(target: str, values: Mapping[str, float], source: str) -> None:
    """Put numbers of the device `gpu`, to three digits, and their source into a target."""
    lines = {key: str(float(f"{value:.3g}")) for key, value in values.items()}
    _edit(target, _DEVICE, lines)
    _edit(target, f"{_DEVICE}.sources", dict.fromkeys(values, f'"{source}"'))


def write_validation(target: str, figure: str, text: str) -> None:
    """Put into a target what a table says of one of its figures."""
    _edit(target, f"{_DEVICE}.validation", {figure: f'"{text}"'})


def _edit(target: str, table: str, values: Mapping[str, str]) -> None:
    path: Path = target_path(target)
    text = path.read_text(encoding="utf-8")
    for key, value in values.items():
        text = _with_line(text, f"[{table}]", key, f"{key} = {value}")
    path.write_text(text, encoding="utf-8")


def _with_line(text: str, header: str, key: str, line: str) -> str:
    """The text with the line of a key replaced, or added to the end of its table."""
    lines = text.splitlines()
    if header not in lines:
        lines += ["", header]
    first = lines.index(header) + 1
    rest = [number for number in range(first, len(lines)) if _HEADER.match(lines[number])]
    last = rest[0] if rest else len(lines)
    while not lines[last - 1].strip():
        last -= 1
    same = [number for number in range(first, last) if lines[number].startswith(f"{key} = ")]
    place = slice(same[0], same[0] + 1) if same else slice(last, last)
    lines[place] = [line]
    return "\n".join(lines) + "\n"
