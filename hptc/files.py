"""Writing files whole or not at all."""

import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from hptc.errors import UsageError

_STEM = 40  # file systems end names at 255 bytes, which a long name and its suffix would pass


def check_outputs(outputs: Sequence[Path], *, inputs: Sequence[Path], force: bool) -> None:
    """Check the outputs of a command before its work starts.

    Raises UsageError if one is an input or another output, or as `check_output` does.
    """
    taken = {path.resolve(): "an input" for path in inputs}
    for path in outputs:
        place = path.resolve()
        if place in taken:
            raise UsageError(
                str(path),
                expected="a file of its own for every output",
                found=f"{taken[place]} of that name",
            )
        taken[place] = "another output"
        check_output(path, force=force)


def check_output(path: Path, *, force: bool) -> None:
    """Raise UsageError if `path` cannot be written, or exists and not `force`."""
    folder = path.parent
    if path.is_dir():
        raise UsageError(str(path), expected="a file name to write", found="a folder")
    if os.path.lexists(path) and not force:
        raise UsageError(
            str(path),
            expected="a name that is not taken",
            found="an existing file",
            hint="Pass --force to replace it, or another name with -o.",
        )
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        found = "a folder without write permission" if folder.is_dir() else "no such folder"
        raise UsageError(str(path), expected="a writable folder", found=found)


def write_file(path: Path, data: bytes | str, *, force: bool = True) -> None:
    """Write a file whole or not at all; raises UsageError as `write_through` does."""
    content = data.encode() if isinstance(data, str) else data
    write_through(path, lambda file: file.write(content), force=force)


def write_through(path: Path, write: Callable[[IO[bytes]], object], *, force: bool = True) -> None:
    """Let `write` fill a temporary file beside `path`, so that no partial file ever shows.

    Raises UsageError if the file cannot be written, or exists and not `force`.
    """
    check_output(path, force=force)
    part = path.with_name(f".{path.name[:_STEM]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise UsageError(
            str(path), expected="room and permission to write", found=str(error.strerror or error)
        ) from error
    finally:
        with suppress(OSError):  # a folder that cannot be written holds nothing to remove
            part.unlink(missing_ok=True)
