"""Text files that users name: read whole, or refused in a few words."""

from pathlib import Path

from hptc.errors import TargetError

_MOST_BYTES = 1 << 20
"""A description of hardware is a few kB; parsers take minutes over a large file."""
_MOST_TOLD = 200


def read_text(path: Path, expected: str, hint: str = "") -> str:
    """Return the text of a file in UTF-8, without a byte-order mark.

    Args:
        path: The file.
        expected: What it should be, for the message.
        hint: What to do about it.

    Raises:
        TargetError: It cannot be read, is no text, or has more than 1 MiB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise refusal(path, expected, str(error), hint) from None
    if len(content) > _MOST_BYTES:
        raise refusal(path, f"{expected} of at most {_MOST_BYTES} bytes", "more", hint)
    return text


def refusal(path: Path | str, expected: str, found: str, hint: str = "") -> TargetError:
    """Return the error for a file that is not what it should be, in one short line."""
    return TargetError(f"target {path}", expected=expected, found=shorten(found), hint=hint)


def shorten(text: str) -> str:
    """Return a text in one line, cut where it is long."""
    words = " ".join(text.split())
    return words if len(words) <= _MOST_TOLD else f"{words[:_MOST_TOLD]} ..."
