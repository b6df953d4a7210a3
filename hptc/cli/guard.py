"""How a command ends: its exit code, and one paragraph instead of a traceback."""

import functools
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import ParamSpec

import typer

from hptc.cli import abort
from hptc.errors import INTERRUPTED, INTERRUPTED_MESSAGE, HptcError
from hptc.interrupts import on_interrupt

P = ParamSpec("P")

INTERNAL = 1


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what a command raises into a paragraph on stderr and an exit code.

    A Ctrl-C is remembered, since C extensions may turn its KeyboardInterrupt into another error.
    During an import it ends the process at once.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        interrupts: list[int] = []

        def interrupt(number: int, frame: FrameType | None) -> None:
            interrupts.append(number)
            if _is_importing(frame):
                abort(number, frame)
            raise KeyboardInterrupt

        with on_interrupt(interrupt):
            try:
                command(*args, **kwargs)
            except (typer.Exit, typer.Abort, typer.BadParameter):
                raise
            except (Exception, KeyboardInterrupt) as error:
                _fail(error, is_interrupted=bool(interrupts))

    return run


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def is_verbose() -> bool:
    """Whether the user asked for tracebacks."""
    return "-vv" in sys.argv


def _fail(error: BaseException, *, is_interrupted: bool) -> None:
    """End the command with the paragraph and the exit code of an error."""
    if is_verbose():
        traceback.print_exception(error)
    message, code = _ending(error, is_interrupted=is_interrupted)
    typer.echo(f"hptc: {message}", err=True)
    raise typer.Exit(code) from None


def _ending(error: BaseException, *, is_interrupted: bool) -> tuple[str, int]:
    if is_interrupted or isinstance(error, KeyboardInterrupt):
        return INTERRUPTED_MESSAGE, INTERRUPTED
    if isinstance(error, HptcError):
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        return f"{error}{notes}", error.exit_code
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or error}.", INTERNAL
    report = "This is a bug in hptc; please report it with the output of the same command with -vv."
    return f"Internal error: {type(error).__name__}: {error}. {report}", INTERNAL


def warn(message: str) -> None:
    """Print a warning on stderr."""
    typer.echo(f"hptc: warning: {message}", err=True)
