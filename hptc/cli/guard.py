"""How a command ends: its exit code, and one paragraph instead of a traceback."""

import functools
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, ParamSpec, Self

import typer

from hptc.errors import INTERRUPTED, HptcError

P = ParamSpec("P")

INTERNAL = 1


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what a command raises into a paragraph on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with _Interrupts() as interrupts:
            try:
                command(*args, **kwargs)
            except (typer.Exit, typer.Abort, typer.BadParameter):
                raise
            except (Exception, KeyboardInterrupt) as error:
                _fail(error, is_interrupted=interrupts.seen)

    return run


class _Interrupts:
    """Remembers a Ctrl-C.

    C extensions that are being imported turn the KeyboardInterrupt into an ImportError.
    """

    def __init__(self) -> None:
        self.seen = False
        self._previous: Any = None

    def __enter__(self) -> Self:
        """Take over SIGINT."""
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give SIGINT back."""
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        del signum, frame
        self.seen = True
        raise KeyboardInterrupt


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
        return "Interrupted: no unfinished file is left.", INTERRUPTED
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
