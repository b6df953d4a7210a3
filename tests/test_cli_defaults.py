"""The command line and the library start from the same defaults."""

import inspect

from hptc.cli.compile import compile_model
from hptc.options import make_options

SPELLINGS = {
    "time_limit": "time_limit_s",
    "latency_limit": "latency_limit_ns",
    "energy_limit": "energy_limit_nj",
    "output_name": "output",
}
LIBRARY_ONLY = {"example_target"}  # of a loss function, which no command line can give


def plain(default: object) -> object:
    """One form for what both sides write differently: nothing given, and lists with commas."""
    if default is None:
        return ()
    return tuple(default.split(",")) if isinstance(default, str) else default


def test_compile_has_the_defaults_of_the_library() -> None:
    library = {
        name: plain(parameter.default)
        for name, parameter in inspect.signature(make_options).parameters.items()
        if name not in LIBRARY_ONLY
    }
    command = {
        SPELLINGS.get(name, name): plain(parameter.default)
        for name, parameter in inspect.signature(compile_model).parameters.items()
    }
    assert {name: command[name] for name in library} == library
