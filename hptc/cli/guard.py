"""How a command ends: its exit code, and one paragraph instead of a traceback."""

import functools
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec

import typer

from hptc.errors import HptcError

P = ParamSpec("P")

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""
INTERNAL = 1


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what a command raises into a paragraph on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except HptcError as error:
            _fail("\n".join([str(error), *getattr(error, "__notes__", [])]), error.exit_code)
        except KeyboardInterrupt:
            _fail("Interrupted: nothing was written.", INTERRUPTED)
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:  # the last resort: an internal error is a bug of hptc
            _fail(
                f"Internal error: {type(error).__name__}: {error}. This is a bug in hptc; please "
                "report it with the output of the same command with -vv.",
                INTERNAL,
            )

    return run


def is_verbose() -> bool:
    """Whether the user asked for tracebacks."""
    return "-vv" in sys.argv


def _fail(message: str, code: int) -> None:
    if is_verbose():
        traceback.print_exc()
    typer.echo(f"hptc: {message}", err=True)
    raise typer.Exit(code) from None


def warn(message: str) -> None:
    """Print a warning on stderr."""
    typer.echo(f"hptc: warning: {message}", err=True)
