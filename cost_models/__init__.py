"""Cost models: what a task costs on each kind of device, and the targets that say which exist.

One device kind a file (`systolic`, `reram`, `gpu`), the pure formulas beside it; `registry` lists
the kinds, `load` reads target files, `price` fills the cost table that the partitioner works on.
"""
