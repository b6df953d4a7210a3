"""Opens a page in headless Chromium and returns its DOM and what its console said."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--window-size=1280,900",
    "--virtual-time-budget=4000",
)
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@dataclass(frozen=True)
class Visit:
    dom: str
    console: tuple[str, ...]

    @property
    def body(self) -> str:
        """The drawn document, without data and scripts."""
        return re.sub(r"<script\b.*?</script>", "", self.dom, flags=re.DOTALL)

    @property
    def verdict(self) -> str:
        """What the driver script wrote."""
        found = re.search(r'data-verdict="([^"]*)"', self.dom)
        return found.group(1) if found else "the driver did not finish"


def visit(page: str, folder: Path, *, fragment: str = "", driver: str = "") -> Visit:
    """Open `page`; a `driver` script runs after the page's own, with the policy lifted for it.

    Its value becomes the verdict.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    if driver:
        run = f"<script>document.body.dataset.verdict = String((() => {{{driver}}})());</script>"
        page = _POLICY.sub("", page).replace("</body>", f"{run}</body>")
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [chromium, *FLAGS, profile, "--dump-dom", f"{file.as_uri()}{fragment}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = tuple(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return Visit(done.stdout, console)
