"""Readers of reference tables: CSV files with one case a row."""

import csv
from collections.abc import Iterator
from pathlib import Path

Row = dict[str, str]
"""One case, by column."""
Pairs = dict[str, list[tuple[float, float]]]
"""Guess and truth of every case, by figure."""


def rows_of(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
