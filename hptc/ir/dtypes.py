"""Element types of values."""

import re
from enum import Enum


class DType(Enum):
    """Element type, by the name that torch shares with numpy or ml_dtypes."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT64 = "int64"
    INT32 = "int32"
    INT16 = "int16"
    INT8 = "int8"
    UINT64 = "uint64"
    UINT32 = "uint32"
    UINT16 = "uint16"
    UINT8 = "uint8"
    BOOL = "bool"
    COMPLEX128 = "complex128"
    COMPLEX64 = "complex64"
    FLOAT8_E4M3FN = "float8_e4m3fn"
    FLOAT8_E4M3FNUZ = "float8_e4m3fnuz"
    FLOAT8_E5M2 = "float8_e5m2"
    FLOAT8_E5M2FNUZ = "float8_e5m2fnuz"

    @property
    def bytes(self) -> int:
        """Size of one element in bytes."""
        return _ITEM_BYTES[self]


_BITS = re.compile(r"[a-z]+(\d+)")


def _item_bytes(dtype: DType) -> int:
    bits = _BITS.match(dtype.value)
    return int(bits[1]) // 8 if bits else 1


_ITEM_BYTES = {dtype: _item_bytes(dtype) for dtype in DType}
