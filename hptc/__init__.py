"""hptc: a compiler-style graph partitioner for training on hybrid hardware.

Importing the package loads nothing else; `hptc.compile` and `hptc.load` bring what they need.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "compile", "load"]

if TYPE_CHECKING:
    from hptc.compiler import compile_model as compile
    from hptc.program import Program

    load = Program.load


def __getattr__(name: str) -> object:
    if name == "compile":
        from hptc.compiler import compile_model

        return compile_model
    if name == "load":
        from hptc.program import Program

        return Program.load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
