"""Rows of the MNSIM tables as changes to the target `mnsim-default`.

The tables were made with MNSIM 2.0 (GitHub thu-nics/MNSIM-2.0 ca39ccb): a fully connected layer of
K x N behind a 1x1 convolution of K x K, which MNSIM needs and which takes the first tiles.
"""

from functools import cache
from math import ceil, log2, prod
from typing import Any

from benchmarks.cost_models.tables import Row
from cost_models.importers.mnsim_parts import buffer_of, converter_choices
from cost_models.load import load_target
from cost_models.reram import ReramParams
from cost_models.reram.geometry import Held, footprint
from hptc.units import BITS_PER_BYTE

GRID = 64 * 64
"""Tiles of the chip."""


@cache
def _table() -> dict[str, Any]:
    return dict(load_target("mnsim-default").device("reram").table)


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
    dac = converter_choices("DAC")[row["dac_choice"]]
    return {**dac.as_dac(), **converter_choices("ADC")[row["adc_choice"]].as_adc()}


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
    return {f"{side}_buffer_{key}": value for key, value in buffer_of(kbytes).items()}
