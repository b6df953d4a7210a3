"""The command line as tests drive it: in this process where that will do, else as a user would."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from hptc.cli.app import app

SCRIPT = Path(sys.executable).with_name("hptc")
ROOT = Path(__file__).parent.parent
WIND = ROOT / "examples" / "wind.onnx"

# Where pytest itself ignores SIGINT, its children would too.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from hptc.cli import main; main()"
)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


def hptc(*arguments: str | Path) -> Outcome:
    """Run a command in this process."""
    result = CliRunner().invoke(app, [str(item) for item in arguments])
    return Outcome(result.exit_code, result.stdout, result.stderr)


def hptc_process(*arguments: str | Path, cwd: Path) -> Outcome:
    """Run the installed script."""
    done = subprocess.run(
        [SCRIPT, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def start(arguments: Sequence[str | Path], cwd: Path) -> subprocess.Popen[str]:
    """Start a command that takes SIGINT."""
    return subprocess.Popen(
        [sys.executable, "-c", START, *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refused(outcome: Outcome, code: int, *words: str) -> None:
    """Check an exit code, and one paragraph on stderr that has the words."""
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("hptc: ")
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert "Traceback" not in outcome.err
    assert "Internal error" not in outcome.err
    for word in words:
        assert word in outcome.err, (word, outcome.err)
