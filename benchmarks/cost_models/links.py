"""Scores of the link model against measured transfers."""

from collections import defaultdict
from pathlib import Path

from benchmarks.cost_models.score import Score, score
from benchmarks.cost_models.tables import Pairs, rows_of
from hptc.partition.instance import transfer_ns
from hptc.partition.problem import Link
from hptc.units import NS_PER_MS

TABLES = ("interconnect_vidur.csv",)
PUBLISHED_LINKS = {
    "h100_dgx": Link(0, 1, 62.6, 3_000),  # reference README section 4, on Vidur
    "a100_dgx": Link(0, 1, 195.0, 10_000),  # Calculon: 300 GB/s x 0.65, 10 us
}
"""Constants read elsewhere for links that Vidur measured."""


def scores(data: Path) -> list[Score]:
    """Compare latency + bytes/bandwidth, with published constants, with measured sends."""
    pairs: Pairs = defaultdict(list)
    for row in rows_of(data / "interconnect_vidur.csv"):
        link = PUBLISHED_LINKS.get(row["cluster"])
        if link and row["collective"] == "send_recv":
            guess = transfer_ns(link, int(row["bytes"]))
            pairs[row["cluster"]].append((guess, float(row["time_ms"]) * NS_PER_MS))
    note = "published constants, not fitted"
    return [
        line
        for name, found in pairs.items()
        for line in score("interconnect_vidur", f"{name} send/recv", found, note)
    ]
