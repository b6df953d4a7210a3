"""The keys of MNSIM 2.0's `SimConfig.ini`: which are imported, must have a value, or do not matter.

The format is that of GitHub thu-nics/MNSIM-2.0 ca39ccb.
"""

from collections.abc import Mapping

DEVICE, CROSSBAR, INTERFACE = "Device level", "Crossbar level", "Interface level"
ELEMENT, DIGITAL, TILE = "Process element level", "Digital module", "Tile level"
CHIP, ALGORITHM = "Architecture level", "Algorithm Configuration"

IMPORTED: Mapping[str, tuple[str, ...]] = {
    DEVICE: (
        *("Device_Area", "Device_Level", "Device_Resistance", "Read_Level", "Read_Voltage"),
        *("Write_Level", "Write_Voltage", "Read_Latency", "Write_Latency"),
    ),
    CROSSBAR: ("Xbar_Size", "Subarray_Size", "Transistor_Tech"),
    INTERFACE: (
        *("DAC_Choice", "DAC_Area", "DAC_Precision", "DAC_Power", "DAC_Sample_Rate"),
        *("ADC_Choice", "ADC_Area", "ADC_Precision", "ADC_Power", "ADC_Sample_Rate"),
    ),
    ELEMENT: (
        *("Xbar_Polarity", "Sub_Position", "Group_Num", "DAC_Num", "ADC_Num"),
        *("PE_inBuf_Size", "PE_inBuf_Area", "Tile_outBuf_Size", "Tile_outBuf_Area"),
    ),
    DIGITAL: ("Digital_Frequency",),
    TILE: ("PE_Num", "Inter_Tile_Bandwidth", "Intra_Tile_Bandwidth"),
    CHIP: ("Tile_Connection", "Tile_Num"),
}
"""What becomes a key of the target."""
FIXED: Mapping[str, Mapping[str, str]] = {
    DEVICE: {"Device_Type": "NVM"},
    CROSSBAR: {"Cell_Type": "1T1R", "Area_Calculation": "0"},
    INTERFACE: {"Logic_Op": "-1"},
    ELEMENT: {"PIM_Type": "0"},
    DIGITAL: {
        **{f"{part}_Tech": "45" for part in ("Adder", "Reg", "JointModule")},
        "ShiftReg_Tech": "65",
        **{
            f"{part}_{what}": "0"
            for part in ("Adder", "ShiftReg", "Reg", "JointModule")
            for what in ("Area", "Power")
        },
    },
    TILE: {
        "Pooling_shape": "3,3",
        "Pooling_unit_num": "64",
        "Pooling_Tech": "65",
    },
    CHIP: {
        "Buffer_Choice": "1",
        "Buffer_Technology": "90",
        "Buffer_ReadPower": "0",
        "Buffer_WritePower": "0",
        "Buffer_Bitwidth": "64",
    },
    ALGORITHM: {"Simulation_Level": "0", "NoC_enable": "0"},
}
"""What the figures of `builtin:mnsim-default` hold for, and no other value."""
UNUSED: Mapping[str, tuple[str, ...]] = {
    DEVICE: ("Device_Tech", "Device_Variation", "Device_SAF", "Read_Energy", "Write_Energy"),
    CROSSBAR: ("Wire_Resistance", "Wire_Capacity", "Load_Resistance"),
    INTERFACE: ("ADC_Interval_Thres",),
    ELEMENT: ("DFU_Buf_Size", "DFU_Buf_Area"),
    DIGITAL: tuple(f"Multiplier_{what}" for what in ("Tech", "Area", "Power")),
    TILE: (
        *("Pooling_area", "Tile_Adder_Num", "Tile_Adder_Level", "Tile_ShiftReg_Num"),
        *("Tile_ShiftReg_Level", "Tile_outBuf_Size", "Tile_outBuf_Area"),
        *("DFU_Buf_Size", "DFU_Buf_Area"),
    ),
    CHIP: tuple(f"LUT_{what}" for what in ("Capacity", "Area", "Power", "Bandwidth")),
    ALGORITHM: ("Weight_Polarity",),
}
"""What changes neither latency, energy nor area of an analog NVM crossbar in MNSIM."""
