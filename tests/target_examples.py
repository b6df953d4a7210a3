"""Texts of target files, and of files that targets are imported from."""

MINE = 'schema_version = 1\nname = "mine"\n'
WIRE = '[[links]]\nsrc = "systolic"\ndst = "reram"\npreset = "tsv-port"\n'


MNSIM_ZEROS = {
    "Digital module": [
        f"{part}_{what}"
        for part in ("Adder", "ShiftReg", "Reg", "JointModule")
        for what in ("Area", "Power")
    ],
    "Process element level": [
        f"{buffer}_{what}" for buffer in ("PE_inBuf", "Tile_outBuf") for what in ("Size", "Area")
    ],
}
MNSIM_CONFIG = f"""\
[Device level]
Device_Tech = 65
Device_Type = NVM
device_area = 0.5
Read_Level = 2
Read_Voltage = 0, 0.2
Write_Level = 2
Write_Voltage = 0,2
Read_Latency = 5
Write_Latency = 50
Device_Level = 4
Device_Resistance = 1e6, 3e5, 1e5, 2e4

[Crossbar level]
Xbar_Size = 128,64
Subarray_Size = 128
Cell_Type = 1T1R
Transistor_Tech = 65
Area_Calculation = 0

[Interface level]
DAC_Choice = 2
DAC_Area = 0
DAC_Precision = 0
DAC_Power = 0
DAC_Sample_Rate = 0
ADC_Choice = -1
ADC_Area = 900
ADC_Precision = 7
ADC_Power = 0.003
ADC_Sample_Rate = 1.5
Logic_Op = -1

[Process element level]
PIM_Type = 0
Xbar_Polarity = 1
Sub_Position = 1
Group_Num = 3
DAC_Num = 64
ADC_Num = 16
{"".join(f"{key} = 0" + chr(10) for key in MNSIM_ZEROS["Process element level"])}

[Digital module]
Digital_Frequency = 250
Adder_Tech = 45
ShiftReg_Tech = 65
Reg_Tech = 45
JointModule_Tech = 45
{"".join(f"{key} = 0" + chr(10) for key in MNSIM_ZEROS["Digital module"])}

[Tile level]
PE_Num = 2,4
Pooling_shape = 3,3
Pooling_unit_num = 64
Pooling_Tech = 65
Inter_Tile_Bandwidth = 40
Intra_Tile_Bandwidth = 512

[Architecture level]
Buffer_Choice = 1
Buffer_Technology = 90
Buffer_ReadPower = 0
Buffer_WritePower = 0
Buffer_Bitwidth = 64
Tile_Connection = 1
Tile_Num = 8,16

[Algorithm Configuration]
Simulation_Level = 0
NoC_enable = 0
"""
