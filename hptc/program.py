"""A compiled program as a library user holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hptc.files import write_file
from hptc.schedule.bundle import load_bundle, save_bundle
from hptc.schedule.model import Bundle
from hptc.viz.page import render


@dataclass(frozen=True)
class Program:
    """Graphs, schedules and weights of every compiled phase."""

    bundle: Bundle
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> "Program":
        """Load a bundle; raises BundleError if it is damaged, unsafe or too new."""
        return cls(load_bundle(Path(path)))

    def report(self) -> Mapping[str, object]:
        """Return the object that `hptc compile --json` prints."""
        return self.bundle.report

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the bundle atomically; raises UsageError if `path` exists and not `force`."""
        save_bundle(self.bundle, Path(path), force=force)

    def visualize(self, path: str | Path) -> None:
        """Write the page as one self-contained HTML file."""
        write_file(Path(path), render(self.bundle))
