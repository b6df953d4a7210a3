"""Rows of the MNSIM tables as changes to the target `mnsim-default`.

The tables were made with MNSIM 2.0 (GitHub thu-nics/MNSIM-2.0 ca39ccb): a fully connected layer of
K x N behind a 1x1 convolution of K x K, which MNSIM needs and which takes the first tiles.
"""

import tomllib
from functools import cache
from importlib.resources import files
from math import ceil, log2, prod
from typing import Any, NamedTuple

from benchmarks.cost_models.tables import Row
from cost_models.load import load_target
from cost_models.reram import ReramParams
from cost_models.reram.geometry import Held, footprint
from hptc.units import BITS_PER_BYTE, PJ_PER_NJ

GRID = 64 * 64
"""Tiles of the chip."""


class Sram(NamedTuple):
    """A buffer at 90 nm with words of 64 bits (MNSIM, `Hardware_Model/Buffer.py`)."""

    kbytes: int
    read_energy_pj: float
    write_energy_pj: float
    leakage_mw: float
    area_mm2: float


SRAMS = (
    Sram(2, 7.5695, 13.1361, 1.006428, 0.0405803),
    Sram(4, 8.54257, 19.9484, 1.95684, 0.0686947),
    Sram(8, 18.382, 21.1344, 4.1222, 0.156974886),
    Sram(16, 44.837, 43.7094, 8.86342, 0.616313686),
    Sram(32, 61.8356, 60.1423, 17.46566, 1.060004216),
    Sram(64, 103.042, 88.27501, 32.1096, 1.974404875),
    Sram(128, 156.421, 116.896, 63.688, 3.583918894),
    Sram(256, 275.02, 162.096, 121.8756, 6.974574682),
)


@cache
def _table() -> dict[str, Any]:
    return dict(load_target("mnsim-default").device("reram").table)


@cache
def _converters() -> dict[str, dict[str, dict[str, float]]]:
    text = files("cost_models.importers").joinpath("mnsim_converters.toml").read_text("utf-8")
    return tomllib.loads(text)


def layer_case(row: Row) -> tuple[ReramParams, Held, int]:
    """Return the device of a row of `mnsim_fc.csv`, the layer, and the layer's first tile."""
    changed = {**_geometry(row), **_converter_keys(row)}
    params = ReramParams.model_validate({**_table(), **changed})
    held, stub = _held(row, "N"), _held(row, "K")
    sized = {**_table(), **changed, **_buffers(row, params)}
    return ReramParams.model_validate(sized), held, footprint(stub, params).tiles


def crossbar_case(row: Row) -> tuple[ReramParams, Held]:
    """Return the device of a row of `mnsim_crossbar_rw.csv`, and what is in its one crossbar."""
    size = int(row["xbar"])
    changed = {
        "rows": size,
        "cols": size,
        "dacs_per_array": size,
        "adcs_per_array": size,
        "weight_bits": 1,
        "weight_encoding": "offset",
        "write_pulse_ns": float(row["write_pulse_ns"]),
        "write_voltage_v": float(row["write_V"]) / 2,  # MNSIM: mean of the levels 0 and write_V
        "read_voltage_v": float(row["read_V"]),
        "hrs_ohm": float(row["R_hrs"]),
        "lrs_ohm": float(row["R_lrs"]),
    }
    held = Held(int(row["rows"]), int(row["cols"]))
    return ReramParams.model_validate({**_table(), **changed}), held


def _held(row: Row, cols: str) -> Held:
    return Held(int(row["K"]), int(row[cols]))


def _geometry(row: Row) -> dict[str, object]:
    size, groups, polarity = (int(row[key]) for key in ("xbar", "group_num", "polarity"))
    elements = prod(int(side) for side in row["pe_num"].split(","))
    return {
        "rows": size,
        "cols": size,
        "crossbars": GRID * elements * groups * polarity,
        "cell_bits": int(row["device_level"]).bit_length() - 1,
        "weight_bits": int(row["weight_bits"]),
        "weight_encoding": "differential" if polarity > 1 else "offset",
        "arrays_per_pe": groups,
        "pes_per_tile": elements,
        "dacs_per_array": int(row["dac_num"]),
        "adcs_per_array": int(row["adc_num"]),
        "input_bits": int(row["input_bits"]),
        "output_bits": int(row["input_bits"]),  # of the next layer
    }


def _converter_keys(row: Row) -> dict[str, object]:
    dac = _converters()["DAC_Choice"][row["dac_choice"]]
    adc = _converters()["ADC_Choice"][row["adc_choice"]]
    dac_ns, adc_ns = (part["cycles"] / part["rate_gsps"] for part in (dac, adc))
    return {
        "dac_bits": dac["bits"],
        "dac_ns": dac_ns,
        "dac_energy_pj": dac["power_w"] * dac_ns * PJ_PER_NJ,
        "dac_area_um2": dac["area_um2"],
        "adc_bits": adc["bits"],
        "adc_rate_gsps": adc["rate_gsps"],
        "adc_cycles": adc["cycles"],
        "adc_energy_pj_per_level": adc["power_w"] * adc_ns * PJ_PER_NJ / 2 ** adc["bits"],
        "adc_area_um2": adc["area_um2"],
    }


def _buffers(row: Row, params: ReramParams) -> dict[str, object]:
    """MNSIM sizes all buffers to the network: inputs of a PE, twice the outputs of a tile."""
    inputs = outputs = 0.0
    for cols in ("K", "N"):
        held = _held(row, cols)
        found = footprint(held, params)
        inputs = max(inputs, _power_of_two(held.rows * params.input_bits / found.pes))
        outputs = max(outputs, _power_of_two(2 * held.cols * params.output_bits / found.tiles))
    return {**_buffer_keys("input", inputs), **_buffer_keys("output", outputs)}


def _power_of_two(bits: float) -> float:
    """Return a power of two of bytes, in kB."""
    return 2.0 ** ceil(log2(bits / BITS_PER_BYTE)) / 1024


def _buffer_keys(side: str, kbytes: float) -> dict[str, object]:
    sram = next(sram for sram in SRAMS if kbytes <= sram.kbytes)
    return {
        f"{side}_buffer_read_energy_pj": sram.read_energy_pj,
        f"{side}_buffer_write_energy_pj": sram.write_energy_pj,
        f"{side}_buffer_leakage_w": sram.leakage_mw * 1e-3,
        f"{side}_buffer_area_um2": sram.area_mm2 * 1e6,
    }
