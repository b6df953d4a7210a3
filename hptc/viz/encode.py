"""Page data as compact JSON that is safe inside an HTML `<script>` element.

A tuple of records is written as a table of columns, and a column of strings that repeat as codes
into a list of the distinct ones: 5,000 operations a phase then fit in a fraction of a megabyte.
`web/model.js` is the reader.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass

from hptc.viz.data import PageData

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def to_json(data: PageData) -> str:
    """Return `data` as ASCII JSON without `<`, `>` and `&`."""
    text = json.dumps(_plain(data), separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    for character, escape in _UNSAFE.items():
        text = text.replace(character, escape)
    return text


def _plain(node: object) -> object:
    if is_dataclass(node) and not isinstance(node, type):
        return {field.name: _plain(getattr(node, field.name)) for field in fields(node)}
    if isinstance(node, tuple):
        return _table(node) or [_plain(item) for item in node]
    if isinstance(node, float):
        return _short(node)
    return node


def _short(number: float) -> float | int | None:
    """Return a float as an int where it is whole, to six digits, and None where not finite."""
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else float(f"{number:.6g}")


def _table(records: Sequence[object]) -> dict[str, object] | None:
    """Return records as a table, None for anything else."""
    first = records[0] if records else None
    if not is_dataclass(first) or isinstance(first, type):
        return None
    names = [field.name for field in fields(first)]
    columns = {name: _column([getattr(record, name) for record in records]) for name in names}
    return {"rows": len(records), "columns": columns}


def _column(items: Sequence[object]) -> object:
    if not isinstance(items[0], str):
        return [_plain(item) for item in items]
    codes = {text: code for code, text in enumerate(dict.fromkeys(items))}
    if 2 * len(codes) > len(items):
        return list(items)
    return {"texts": list(codes), "codes": [codes[text] for text in items]}
