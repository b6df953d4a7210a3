"""Figures that designers of ReRAM hardware published, beside what their presets give.

No limit is set: simulated designs publish figures that do not follow from their own parts, and of
measured chips some figures went into the preset. The note of each line says which.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cost_models.score import Score, score
from cost_models.load import load_target
from cost_models.reram.area import UM2_PER_MM2, tile_area_um2, tiles
from cost_models.reram.geometry import Held
from cost_models.reram.model import ReramModel
from cost_models.reram.params import ReramParams
from cost_models.reram.read import vector_read
from hptc.units import PJ_PER_NJ

TABLES: tuple[str, ...] = ()
_FREE, _FITTED = "published, not fitted", "published, fitted"
_GOPS_PER_TOPS = 1000
_MW_PER_W = 1000
_ISAAC_OFF_CHIP_W = 10.4
_ONE_PHASE = ("read_passes=1",)


@dataclass(frozen=True, slots=True)
class _Figure:
    """One published number."""

    target: str
    name: str
    published: float
    modelled: Callable[[ReramParams], float]
    note: str = _FREE
    settings: tuple[str, ...] = ()


def scores(data: Path) -> list[Score]:
    """Compare the presets with what was published; reads no table."""
    del data
    return [
        line
        for figure in FIGURES
        for line in score(
            "published",
            f"{figure.target}: {figure.name}",
            [(figure.modelled(_params(figure.target, figure.settings)), figure.published)],
            figure.note,
        )
    ]


def _params(target: str, settings: tuple[str, ...]) -> ReramParams:
    overrides = [f"devices.reram.{setting}" for setting in settings]
    return ReramParams.model_validate(load_target(target, overrides).device("reram").table)


def _figure(name: str) -> Callable[[ReramParams], float]:
    return lambda params: ReramModel(params).figures()[name]


def _gops_per_w(params: ReramParams) -> float:
    return _figure("tops_per_w")(params) * _GOPS_PER_TOPS


def _gops_per_mm2(params: ReramParams) -> float:
    figures = ReramModel(params).figures()
    return figures["peak_tops"] / figures["area_mm2"] * _GOPS_PER_TOPS


def _tile_mw(params: ReramParams) -> float:
    figures = ReramModel(params).figures()
    power_w = figures["peak_tops"] / figures["tops_per_w"] - _ISAAC_OFF_CHIP_W
    return power_w / tiles(params) * _MW_PER_W


def _tile_mm2(params: ReramParams) -> float:
    return tile_area_um2(params) / UM2_PER_MM2


def _product_ns(cols: int) -> Callable[[ReramParams], float]:
    return lambda p: vector_read(p, Held(p.rows, cols), p.input_bits).interval_ns


def _product_nj(cols: int) -> Callable[[ReramParams], float]:
    return lambda p: vector_read(p, Held(p.rows, cols), p.input_bits).energy_pj / PJ_PER_NJ


FIGURES = (
    _Figure("isaac", "16-bit product, ns", 1600, _product_ns(16)),
    _Figure("isaac", "tile, mW", 330, _tile_mw, f"{_FREE}: eDRAM and bus by their traffic"),
    _Figure("isaac", "tile, mm2", 0.372, _tile_mm2),
    _Figure("isaac", "GOPS/W", 627.5, _gops_per_w),
    _Figure("isaac", "GOPS/s/mm2", 478.95, _gops_per_mm2),
    _Figure("puma", "16-bit product, ns", 2304, _product_ns(128), _FITTED),
    _Figure("puma", "16-bit product, nJ", 43.97, _product_nj(128)),
    _Figure("puma", "GOPS/W", 837, _gops_per_w, f"{_FREE}: 2,208 MVMUs at 2,304 ns give 60 %"),
    _Figure("puma", "GOPS/s/mm2", 577, _gops_per_mm2, f"{_FREE}: as GOPS/W"),
    _Figure("hermes", "four-phase TOPS", 16.1, _figure("peak_tops")),
    _Figure("hermes", "four-phase TOPS/W", 2.48, _figure("tops_per_w"), _FITTED),
    _Figure("hermes", "four-phase GOPS/s/mm2", 400, _gops_per_mm2),
    _Figure("hermes", "one-phase TOPS", 63.1, _figure("peak_tops"), settings=_ONE_PHASE),
    _Figure("hermes", "one-phase TOPS/W", 9.76, _figure("tops_per_w"), settings=_ONE_PHASE),
    _Figure("hermes", "one-phase GOPS/s/mm2", 1550, _gops_per_mm2, settings=_ONE_PHASE),
    _Figure("neurram", "8-bit inputs, TOPS", 0.2639, _figure("peak_tops"), _FITTED),
    _Figure("neurram", "8-bit inputs, TOPS/W", 6.437, _figure("tops_per_w"), _FITTED),
    *(
        _Figure(
            "neurram", f"{bits}-bit inputs, TOPS", tops, _figure("peak_tops"), _FITTED,
            (f"input_bits={bits}", f"pulse_bits={pulse_bits}", f"adc_cycles={cycles}"),
        )
        for bits, pulse_bits, cycles, tops in (
            (3, 2, 5, 1.1654), (4, 3, 6, 0.7439), (5, 2, 6, 0.5254),
        )
    ),
)  # fmt: skip
"""ISAAC: Table I and IV (Shafiee, ISCA 2016). PUMA: Ankit, ASPLOS 2019, Table 6 and section 7.
HERMES: Le Gallo, Nat. Electron. 2023, Table I. NeuRRAM: Wan, Nature 2022, Extended Data Fig. 12, as
CIMLoop (mit-emze/cimloop d6e1390) lists it."""
