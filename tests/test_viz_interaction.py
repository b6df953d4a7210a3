"""What happens on clicks, keys, wheel and typing."""

from pathlib import Path

import pytest

from hptc.viz.page import render
from tests.browser import visit
from tests.bundles import make_bundle

_HELPERS = """
const all = (query) => [...document.querySelectorAll(query)];
const one = (query) => document.querySelector(query);
const rows = () => all('.instructions tbody tr');
const first = (column) => rows()[0].children[column].textContent;
const head = (title) => all('.instructions thead button')
  .find((made) => made.textContent.startsWith(title));
const button = (label) => one(`.toolbar button[aria-label="${label}"]`);
const type = (text) => {
  one('#search').value = text;
  one('#search').dispatchEvent(new Event('input'));
};
const canvas = one('canvas');
canvas.setPointerCapture = () => {};
const label = () => canvas.getAttribute('aria-label');
const image = () => canvas.toDataURL();
const detail = () => one('#detail').textContent;
const key = (name, more) => canvas.dispatchEvent(
  new KeyboardEvent('keydown', {key: name, cancelable: true, ...more}));
const pointer = (type, x, y) => {
  const {left, top} = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new PointerEvent(type, {clientX: left + x, clientY: top + y, pointerId: 1}));
};
const wheel = (deltaY) => canvas.dispatchEvent(
  new WheelEvent('wheel', {deltaY, clientX: 500, cancelable: true}));
"""

CASES = {
    "sort": (
        """
        head('Duration').click();
        const up = first(1);
        head('Duration').click();
        return [up, first(1), head('Duration').parentElement.getAttribute('aria-sort')];
        """,
        "700 ns,5.2 µs,descending",
    ),
    "search by operation": (
        """
        type('layer.gelu.2');
        return [rows().length, first(2), one('.toolbar [role=status]').textContent];
        """,
        "1,encoder.2.act,1 found",
    ),
    "search finds nothing": (
        """
        type('no such thing');
        return [rows().length, one('.pager [role=status]').textContent];
        """,
        "0,no instruction matches",
    ),
    "choose a row": (
        """
        rows()[5].querySelector('button').click();
        const parts = ['aten.mm.default', 'model.encoder.layer.1', '41 nJ', 'xbar/w1'];
        return [rows()[5].getAttribute('aria-current'), parts.every((it) => detail().includes(it))];
        """,
        "true,true",
    ),
    "choose a bar": (
        """
        pointer('pointerdown', 230, 56);
        pointer('pointerup', 230, 56);
        return detail().includes('xbar/w0');
        """,
        "true",
    ),
    "hover over a bar": (
        """
        pointer('pointermove', 230, 56);
        return [one('#tooltip').hidden, one('#tooltip').textContent.includes('static')];
        """,
        "false,true",
    ),
    "wheel zooms, fit returns": (
        """
        const before = image();
        wheel(-200);
        const zoomed = image();
        button('Show the whole time').click();
        return [before !== zoomed, before === image()];
        """,
        "true,true",
    ),
    "wheel leaves the fitted page to scroll": ("return wheel(200);", "true"),
    "drag pans": (
        """
        button('Zoom in').click();
        const before = image();
        pointer('pointerdown', 500, 90);
        pointer('pointermove', 420, 90);
        pointer('pointerup', 420, 90);
        return before !== image();
        """,
        "true",
    ),
    "keys": (
        """
        key('ArrowRight');
        const lane = detail();
        key('ArrowDown');
        const next = detail();
        key('+');
        const zoomed = image();
        key('ArrowRight', {shiftKey: true});
        const panned = zoomed !== image();
        key('Escape');
        const none = detail().includes('Choose a bar');
        return [lane.includes('xbar/w0'), next.includes('xbar/w1'), panned, none];
        """,
        "true,true,true,true",
    ),
    "tabs by arrow key": (
        """
        all('[role=tab]')[1].dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}));
        const chosen = all('[role=tab]')[0].getAttribute('aria-selected');
        return [chosen, one('#cards').textContent.includes('26.4 µs')];
        """,
        "true,true",
    ),
    "phase entry": (
        """
        const part = one('.toolbar select');
        part.value = 'entry';
        part.dispatchEvent(new Event('change'));
        return [rows().length, first(3), rows()[1].children[3].textContent, label()];
        """,
        "5,fold,program,Timeline of 5 instructions on 7 lanes",
    ),
    "labels stay in their boxes": (
        """
        return all('.card *, .tabs button, .toolbar *, .box h2, caption')
          .filter((it) => getComputedStyle(it).display !== 'inline')
          .filter((it) => it.scrollWidth > it.clientWidth + 1).map((it) => it.textContent);
        """,
        "",
    ),
    "no table is cut off": (
        """
        return all('.scroll').filter((it) => it.scrollWidth > it.clientWidth + 1)
          .map((it) => it.getAttribute('aria-label'));
        """,
        "",
    ),
    "no two texts of the first screen overlap": (
        """
        const leaves = all('header *, .card *, .columns th, .cell span, .tabs button')
          .filter((it) => it.textContent.trim() && !it.querySelector('*') && it.offsetWidth);
        const boxes = leaves.map((it) => it.getBoundingClientRect());
        const cross = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
          && a.top < b.bottom - 2 && b.top < a.bottom - 2;
        return leaves.filter((_, i) => boxes.some((box, j) => j > i && cross(boxes[i], box)))
          .map((it) => it.textContent);
        """,
        "",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_interaction(name: str, tmp_path: Path) -> None:
    script, expected = CASES[name]
    shown = visit(render(make_bundle()), tmp_path, fragment="#low", driver=_HELPERS + script)
    assert shown.console == ()
    assert shown.verdict == expected


def test_large_programs_collapse_and_expand_matrices(tmp_path: Path) -> None:
    script = """
    const narrow = label();
    button('Show all lanes or the busiest').click();
    const wide = label();
    button('Show all lanes or the busiest').click();
    const again = label();
    pointer('pointerdown', 60, 24 + 7 * 20 + 8);
    pointer('pointerup', 60, 24 + 7 * 20 + 8);
    all('.pager button')[1].click();
    const page = one('.pager [role=status]').textContent;
    return [narrow === again, wide.includes('46 lanes'), label() === wide, page];
    """
    page = render(make_bundle(layers=60))
    shown = visit(page, tmp_path, fragment="#low", driver=_HELPERS + script)
    assert shown.console == ()
    assert shown.verdict == "true,true,true,101\u2013200 of 300"
