"""The page as a document: self-contained, escaped, small, and drawn without an error."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hptc.viz.page import render
from tests.browser import visit
from tests.bundles import HOSTILE, make_bundle


@pytest.fixture(scope="module")
def page() -> str:
    return render(make_bundle(name=f"model {HOSTILE}"))


@pytest.fixture(scope="module")
def large_page() -> str:
    return render(make_bundle(layers=1_000))


def test_page_refers_to_nothing_outside(page: str) -> None:
    assert re.search(r"https?://|\bsrc=|<link|@import|url\(|\bfetch\(|XMLHttp", page) is None
    assert "default-src 'none'" in page


def test_hostile_names_cannot_leave_the_data(page: str) -> None:
    assert HOSTILE not in page
    assert page.count("</script>") == 2
    assert page.count("<script") == 2


def test_same_bundle_gives_same_bytes(page: str) -> None:
    assert render(make_bundle(name=f"model {HOSTILE}")) == page


def test_five_thousand_operations_a_phase_stay_small(large_page: str) -> None:
    assert len(large_page) < 5_000_000


def test_lone_surrogates_can_be_written() -> None:
    assert render(make_bundle(name="bad \ud800 name")).encode()


def test_importing_the_page_loads_no_framework() -> None:
    code = "import sys, hptc.viz.page; print({'torch', 'onnx', 'ortools'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_chromium_draws_tabs_totals_and_tasks(page: str, tmp_path: Path) -> None:
    shown = visit(page, tmp_path, fragment="#low")
    assert shown.console == ()
    assert '<button type="button" role="tab" id="tab-full"' in shown.body
    assert re.search(r'id="tab-low"[^>]*aria-selected="true"', shown.body)
    for text in (
        "37.6 µs",
        "33.8 µs",
        "11.1%",
        "feasible",
        "all gpu",
        "2.31\u00d7 faster",
        "11.6\u00d7 less",
    ):
        assert text in shown.body
    for text in ("infeasible", "1.25\u00d7 slower", "encoder.3.query", "xbar/w2", "transfer"):
        assert text in shown.body
    assert "Timeline of 20 instructions on 9 lanes" in shown.body
    assert "&lt;/script&gt;&lt;b&gt;" in shown.body
    assert "<b>&amp;" not in shown.body


def test_what_only_the_report_knows_is_told(tmp_path: Path) -> None:
    bundle = make_bundle()
    goal = {
        "status": "optimal",
        "objective": "energy",
        "objective_value": 2.5e6,
        "objective_bound": 2e6,
        "objective_gap": 0.25,
        "objective_unit": "nJ",
        "bound_holds_for": "this tiling",
        "steps_to_failure": 250_000,
    }
    report: Any = bundle.report
    phases = {name: figures | goal for name, figures in report["phases"].items()}
    shown = visit(render(replace(bundle, report=report | {"phases": phases})), tmp_path)
    assert shown.console == ()
    cards = re.sub("<.*?>", " ", shown.body)
    for text in (
        "of the latency, for this tiling",
        "least energy for this tiling",
        "Objective: energy 2.5 mJ 25% above the bound 2 mJ",
        "last 250 k steps",
    ):
        assert text in " ".join(cards.split())


def test_chromium_draws_other_phase_first_by_default(page: str, tmp_path: Path) -> None:
    shown = visit(page, tmp_path)
    assert shown.console == ()
    assert re.search(r'id="tab-full"[^>]*aria-selected="true"', shown.body)


def test_chromium_draws_five_thousand_operations(large_page: str, tmp_path: Path) -> None:
    shown = visit(large_page, tmp_path, fragment="#low")
    assert shown.console == ()
    assert "1\u2013100 of 5,000" in shown.body
    assert "Timeline of 5,000 instructions on 12 lanes" in shown.body


def test_a_report_without_figures_still_draws(tmp_path: Path) -> None:
    bare = replace(make_bundle(), report={}, options={}, versions={})
    shown = visit(render(bare), tmp_path)
    assert shown.console == ()
    assert "holds no baselines" in shown.body


def test_an_empty_program_still_draws(tmp_path: Path) -> None:
    shown = visit(render(replace(make_bundle(), phases={})), tmp_path)
    assert shown.console == ()
    assert "tiny" in shown.body
