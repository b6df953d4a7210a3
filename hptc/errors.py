"""The one error tree of hptc; every class carries the exit code of the command line."""

from typing import ClassVar

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""
INTERRUPTED_MESSAGE = "Interrupted: no unfinished file is left."


class HptcError(Exception):
    """Base of every error hptc raises on purpose.

    The message is one paragraph: where it went wrong, what was expected, what was found and
    what to do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, where: str, *, expected: str, found: str, hint: str = "") -> None:
        self.where = where
        self.expected = expected
        self.found = found
        self.hint = hint
        super().__init__(where, expected, found, hint)

    def __str__(self) -> str:
        """Return the paragraph shown to the user."""
        text = f"{self.where}: expected {self.expected}, found {self.found}."
        return _printable(f"{text} {self.hint}" if self.hint else text)


def _printable(text: str) -> str:
    """Return text on one line; names from files may hold line breaks and control characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class VerifyError(HptcError):
    """A graph, schedule or answer breaks a rule: where hptc made it, a bug, named in the note."""


class UsageError(HptcError):
    """An option or argument cannot be honoured."""

    exit_code = 2


class InvalidInputError(HptcError):
    """A model, target, problem, data file or bundle is malformed."""

    exit_code = 3


class ModelError(InvalidInputError):
    """The model cannot be read or captured."""


class UnsupportedOpError(ModelError):
    """The model uses an operation that hptc has no rule for."""


class TargetError(InvalidInputError):
    """The target file or an override is malformed."""


class ProblemError(InvalidInputError):
    """A task graph handed to the partitioner is malformed."""


class BundleError(InvalidInputError):
    """A bundle is damaged, unsafe or of a newer schema."""


class InfeasibleError(HptcError):
    """No assignment fits; the message names the constraint at fault."""

    exit_code = 4


class TimeLimitError(HptcError):
    """The time limit passed before any solution was found."""

    exit_code = 5
