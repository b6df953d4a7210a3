"""Bundles come back as they were saved, whatever their graphs and weights hold."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptc.errors import BundleError, VerifyError
from hptc.ir.dtypes import DType
from hptc.ir.graph import Arg, DTypeArg, Op, Phase, Ref
from hptc.ir.verify import verify
from hptc.schedule import codec
from hptc.schedule.bundle import load_bundle, save_bundle
from hptc.schedule.model import Bundle
from tests import schedule_examples as ex
from tests.varied_bundle import bundle

ARGS: st.SearchStrategy[Arg] = st.recursive(
    st.one_of(
        st.builds(Ref, st.text()),
        st.builds(DTypeArg, st.sampled_from(DType)),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from(["NaN", "Infinity", "float32", "true", "null"]),
        st.none(),
    ),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=8,
)


@given(args=st.lists(ARGS, max_size=4), kwargs=st.lists(st.tuples(st.text(), ARGS), max_size=2))
def test_arguments_keep_value_and_type(args: list[Arg], kwargs: list[tuple[str, Arg]]) -> None:
    op = Op("o", "aten.mm.default", tuple(args), ("o",), kwargs=tuple(kwargs))
    graph = replace(ex.STEP, ops=(op,))
    data = codec.to_json(codec.GRAPH, (graph,))
    (back,) = codec.from_json(codec.GRAPH, "here", data)
    assert repr(back) == repr(graph)  # repr tells 1 from 1.0 from True, and equates NaN with NaN


def test_the_example_is_sound() -> None:
    verify(ex.STEP)


def test_round_trip(tmp_path: Path) -> None:
    saved = bundle()
    save_bundle(saved, tmp_path / "m.hptc", force=False)
    loaded = load_bundle(tmp_path / "m.hptc")
    assert replace(loaded, weights={}) == replace(saved, weights={})
    assert set(loaded.weights) == set(saved.weights)
    for name, array in saved.weights.items():
        back = loaded.weights[name]
        assert back.dtype == array.dtype.newbyteorder("=")
        assert back.shape == array.shape
        assert back.flags.writeable
        np.testing.assert_array_equal(back, array)


def test_same_program_same_bytes(tmp_path: Path) -> None:
    for name in ("a.hptc", "b.hptc"):
        save_bundle(bundle(), tmp_path / name, force=False)
    assert (tmp_path / "a.hptc").read_bytes() == (tmp_path / "b.hptc").read_bytes()


def test_a_program_without_reference(tmp_path: Path) -> None:
    save_bundle(replace(bundle(), reference=None), tmp_path / "m.hptc", force=False)
    assert load_bundle(tmp_path / "m.hptc").reference is None


@pytest.mark.parametrize(
    ("broken", "culprit"),
    [
        (replace(bundle(), report={"gap": float("nan")}), "report"),
        (replace(bundle(), options={"path": Path()}), "options"),
    ],
)
def test_what_json_cannot_hold_is_refused(tmp_path: Path, broken: Bundle, culprit: str) -> None:
    with pytest.raises(VerifyError, match=culprit):
        save_bundle(broken, tmp_path / "m.hptc", force=False)
    assert list(tmp_path.iterdir()) == []


def test_an_unsound_schedule_is_refused(tmp_path: Path) -> None:
    good = bundle()
    phase = good.phases[Phase.LOW]
    schedule = replace(phase.schedule, step=phase.schedule.step[1:])
    broken = replace(good, phases={Phase.LOW: replace(phase, schedule=schedule)})
    save_bundle(broken, tmp_path / "m.hptc", force=False)
    with pytest.raises(BundleError, match=r"EXEC linear .* expected b on xbar at 4 ns"):
        load_bundle(tmp_path / "m.hptc")


def test_loading_needs_no_torch(tmp_path: Path) -> None:
    save_bundle(bundle(), tmp_path / "m.hptc", force=False)
    code = (
        "import sys; from pathlib import Path; from hptc.schedule.bundle import load_bundle; "
        "load_bundle(Path(sys.argv[1])); assert not {'torch', 'onnx', 'ortools'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.hptc")], check=True)
