"""The command line and the library start from the same defaults."""

import inspect

from hptc.cli.compile import compile_model
from hptc.options import make_options

SPELLINGS = {"time_limit": "time_limit_s", "output_name": "output"}


def plain(default: object) -> object:
    """One form for what both sides write differently: nothing given, and lists with commas."""
    if default is None:
        return ()
    return tuple(default.split(",")) if isinstance(default, str) else default


def test_compile_has_the_defaults_of_the_library() -> None:
    library = {n: plain(p.default) for n, p in inspect.signature(make_options).parameters.items()}
    command = {
        SPELLINGS.get(name, name): plain(parameter.default)
        for name, parameter in inspect.signature(compile_model).parameters.items()
    }
    assert {name: command[name] for name in library} == library
