"""The converters and buffers that MNSIM 2.0 has figures for, as keys of a ReRAM device."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hptc.units import PJ_PER_NJ

Part = Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class Converter:
    """A DAC or an ADC."""

    bits: int
    power_w: float
    rate_gsps: float
    cycles: int
    """Of its clock, between two conversions."""
    area_um2: float

    @property
    def conversion_ns(self) -> float:
        """Return the time of one conversion."""
        return self.cycles / self.rate_gsps

    @property
    def energy_pj(self) -> float:
        """Return the energy of one conversion."""
        return self.power_w * self.conversion_ns * PJ_PER_NJ

    def as_dac(self) -> Part:
        """Return the keys of a device with such DACs."""
        return {
            "dac_bits": self.bits,
            "dac_ns": self.conversion_ns,
            "dac_energy_pj": self.energy_pj,
            "dac_area_um2": self.area_um2,
        }

    def as_adc(self) -> Part:
        """Return the keys of a device with such ADCs."""
        return {
            "adc_bits": self.bits,
            "adc_rate_gsps": self.rate_gsps,
            "adc_cycles": self.cycles,
            "adc_energy_pj_per_level": self.energy_pj / 2**self.bits,
            "adc_area_um2": self.area_um2,
        }


def converter_choices(kind: str) -> Mapping[str, Converter]:
    """Return the converters of a kind, `ADC` or `DAC`, by their number."""
    return {number: Converter(**table) for number, table in _parts()[f"{kind}_Choice"].items()}


def largest_buffer_kbytes() -> int:
    """Return the size of the largest buffer that there are figures for."""
    return max(map(int, _parts()["SRAM"]))


def buffer_of(kbytes: float) -> Mapping[str, float]:
    """Return the figures of the smallest buffer that holds so many kB, which there must be."""
    size = min(size for size in map(int, _parts()["SRAM"]) if kbytes <= size)
    found: dict[str, float] = _parts()["SRAM"][str(size)]
    return found


@cache
def _parts() -> dict[str, dict[str, dict[str, Any]]]:
    text = files("cost_models.importers").joinpath("mnsim_parts.toml").read_text("utf-8")
    return tomllib.loads(text)
