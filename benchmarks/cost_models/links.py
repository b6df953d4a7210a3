"""Scores of the link presets against measured transfers.

`all_reduce` is scored as what each GPU sends around a ring, 2 (n - 1) / n of the payload (Patarasuk
and Yuan, JPDC 69(2), 2009), over a wire that is told the latency of the whole collective. hptc
does not train over several GPUs, so nothing in it prices one; the rows check the constants.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.cost_models.score import NO_LIMIT, Limit, Score, score
from benchmarks.cost_models.tables import Pairs, rows_of
from cost_models.link_presets import link_preset
from hptc.partition.problem import Link
from hptc.partition.tables import transfer_ns
from hptc.units import NS_PER_MS

TABLES = ("interconnect_vidur.csv",)
LARGE_BYTES = 1_000_000
"""The issue sets its limit above 1 MB."""
LARGE_LIMIT = Limit(mape_pct=15.0)
FITTED: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("h100_dgx", "send_recv"): "nvlink4-dgx-pair",
        ("h100_dgx", "all_reduce"): "nvlink4-dgx-collective",
    }
)
"""Presets that `fit_links` fitted, by cluster and collective."""
DATA_SHEET: Mapping[str, str] = MappingProxyType(
    {
        "a100_dgx": "nvlink3",
        "a100_pairwise_nvlink": "nvlink3",
        "a40_pairwise_nvlink": "pcie4-x16",
        "h100_pairwise_nvlink": "nvlink4",
    }
)
"""Presets from data-sheets. Most rows of these clusters show 3 to 49 GB/s, which is no NVLink: they
are reported, and say nothing about the preset."""

_REMARK = dict.fromkeys(DATA_SHEET.values(), ", not fitted: slower wires carried most rows")


@dataclass(frozen=True, slots=True)
class Transfer:
    """One measured row."""

    cluster: str
    collective: str
    workers: int
    payload_bytes: int
    measured_ns: float

    @property
    def sent_bytes(self) -> int:
        """What each GPU puts on its wire."""
        if self.collective == "send_recv":
            return self.payload_bytes
        return round(2 * (self.workers - 1) / self.workers * self.payload_bytes)

    @property
    def family(self) -> str:
        """Where the row stands in the report."""
        if (self.cluster, self.collective) not in FITTED:
            return f"{self.cluster} {self.collective}"
        size = "above" if self.payload_bytes > LARGE_BYTES else "up to"
        return f"{self.cluster} {self.collective} x{self.workers}, {size} 1 MB"


def transfers(data: Path) -> Iterator[Transfer]:
    """Yield the measured rows of a folder."""
    for row in rows_of(data / "interconnect_vidur.csv"):
        yield Transfer(
            row["cluster"],
            row["collective"],
            int(row["workers"]),
            int(row["bytes"]),
            float(row["time_ms"]) * NS_PER_MS,
        )


def scores(data: Path) -> list[Score]:
    """Compare the presets with every row whose cluster has one."""
    pairs: Pairs = defaultdict(list)
    kept: dict[str, tuple[Limit, str]] = {}
    for row in transfers(data):
        name = FITTED.get((row.cluster, row.collective)) or DATA_SHEET.get(row.cluster)
        if name is None:
            continue
        pairs[row.family].append((transfer_ns(_link(name), row.sent_bytes), row.measured_ns))
        kept[row.family] = _limit(row), f"preset {name}{_REMARK.get(name, '')}"
    return [
        line
        for family, found in sorted(pairs.items())
        for line in score("interconnect_vidur", family, found, kept[family][1], kept[family][0])
    ]


def _limit(row: Transfer) -> Limit:
    is_limited = row.cluster == "h100_dgx" and row.payload_bytes > LARGE_BYTES
    return LARGE_LIMIT if is_limited else NO_LIMIT


def _link(name: str) -> Link:
    wire = link_preset(name)
    return Link(0, 1, wire.bandwidth_bytes_per_ns, round(wire.latency_ns))
