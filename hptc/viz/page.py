"""One self-contained HTML page for a compiled program.

The page loads nothing: style, script and data are inline, and its content security policy allows
exactly these by hash. `collect` gathers the data, `encode` writes it, and the templates in `web/`
draw it. Names reach the document only as text nodes.
"""

import base64
import hashlib
import html
from importlib import resources
from string import Template

from hptc.schedule.model import Bundle
from hptc.viz.collect import collect
from hptc.viz.encode import to_json

_SCRIPTS = (
    "format.js",
    "model.js",
    "overview.js",
    "placement.js",
    "lanes.js",
    "paint.js",
    "timeline.js",
    "detail.js",
    "table.js",
    "main.js",
)


def render(bundle: Bundle) -> str:
    """Return `bundle` as one HTML document without references to anything outside it.

    Raises KeyError if a schedule runs an operation that its graph does not hold.
    """
    data = collect(bundle)
    style = _asset("page.css")
    script = "(() => {\n'use strict';\n" + "\n".join(map(_asset, _SCRIPTS)) + "\n})();\n"
    return Template(_asset("page.html")).substitute(
        title=_escape(f"{data.model} on {data.target}"),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        data=to_json(data),
    )


def _asset(name: str) -> str:
    return resources.files("hptc.viz").joinpath("web", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return a hash source of a content security policy for an inline element."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _escape(text: str) -> str:
    """Return text for an HTML element; lone surrogates, which UTF-8 cannot hold, spelled out."""
    return html.escape(text.encode("utf-8", "backslashreplace").decode())
