"""All parameters of a device of ReRAM crossbars, and what must hold between them."""

from typing import Literal, Self

from pydantic import model_validator

from cost_models.model import Count, DeviceParams, NonNegative, Positive
from cost_models.reram.tables import (
    AreaParams,
    ArrayParams,
    BufferParams,
    DigitalParams,
    ReadParams,
    WireParams,
    WriteParams,
)


class ReramParams(
    ArrayParams, ReadParams, DigitalParams, BufferParams, WireParams, WriteParams, AreaParams,
    DeviceParams,
):  # fmt: skip
    """Crossbars of one kind, with everything around them."""

    stage_composition: Literal["pipelined", "serial"] = "pipelined"
    """`pipelined`: inputs, phases and outputs of successive vectors overlap, the slowest stage sets
    the rate (ISAAC). `serial`: a vector passes all stages before the next one starts (MNSIM)."""
    activity: Literal["used", "provisioned"] = "used"
    """What draws energy. `used`: rows and columns that hold weights. `provisioned`: all tiles of a
    matrix count as its fullest one, and every buffer draws while any is accessed (MNSIM)."""
    adc_leakage_w: NonNegative = 0.0
    """Of one ADC."""
    dispatch_ns: NonNegative
    """To start a task: fetch its descriptor, set up address generators."""
    read_power_cap_w: Positive | None = None
    """Of all reads together; a single task is slowed until it stays under it. None if left out."""
    max_copies: Count
    """Most copies of one matrix that share the vectors of a task."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Refuse what contradicts itself."""
        for key, lines in (
            ("dacs_per_array", self.rows),
            ("column_dacs_per_array", self.cols),
            ("adcs_per_array", self.cols),
            ("row_adcs_per_array", self.rows),
            ("write_cells_at_once", self.cols),
        ):
            given = getattr(self, key)
            if given is not None and given > lines:
                raise ValueError(f"{key} of at most {lines}, the lines of an array")
        if self.input_mode == "pulse-width" and self.pulse_unit_ns is None:
            raise ValueError("pulse_unit_ns, which input_mode pulse-width needs")
        for key in ("read_voltage_v", "write_voltage_v"):
            if getattr(self, key) and (self.lrs_ohm is None or self.hrs_ohm is None):
                raise ValueError(f"lrs_ohm and hrs_ohm, which {key} needs")
        pair = self.weight_encoding == "differential" and self.slice_layout == "per-array"
        tile = self.arrays_per_pe * self.pes_per_tile * (2 if pair else 1)
        if self.crossbars % tile:
            raise ValueError(
                f"crossbars to fill whole tiles of arrays_per_pe x pes_per_tile"
                f"{' x 2 of a pair' if pair else ''} = {tile}"
            )
        if self.input_mode == "bit-serial" and self.dac_bits > 1:
            raise ValueError("dac_bits = 1 in input_mode bit-serial; more take multi-bit")
        if self.lrs_ohm and self.hrs_ohm and self.lrs_ohm >= self.hrs_ohm:
            raise ValueError("lrs_ohm below hrs_ohm")
        return self
