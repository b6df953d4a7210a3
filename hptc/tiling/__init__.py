"""Row tiling: in how many chunks of rows each task of a phase runs (DESIGN section 7).

Chunks are priced once for tasks that do the same (`rowed`). Numbers of chunks and devices are
chosen for whole tasks on the problem in numbers, which also bounds all tilings
(`hptc.partition.rows`). Only what is chosen is then cut, and placed chunk by chunk (`tiler`).
"""

from hptc.tiling.model import Placed, Tiling, Tried
from hptc.tiling.tiler import Tiler

__all__ = ["Placed", "Tiler", "Tiling", "Tried"]
