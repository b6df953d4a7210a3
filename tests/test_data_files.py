from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hptc.errors import InvalidInputError
from hptc.ir.dtypes import DType
from hptc.ir.graph import Arg, Graph, Named, Op, Phase, Ref, Value, ValueKind
from hptc.runtime.data import load_training_data
from hptc.runtime.inputs import load_inputs, seeded_inputs
from hptc.runtime.limits import integer_limits
from hptc.runtime.loss import TargetRule
from tests.tiny_program import IN, OUT, ROWS, full_graph

Arrays = dict[str, NDArray[np.generic]]


def value(name: str, shape: tuple[int, ...], dtype: DType, kind: ValueKind) -> Value:
    return Value(name, shape, dtype, kind)


def token_graph() -> Graph:
    """Tokens are cast and viewed, look up a table of 11 rows; the target picks one of 5 classes."""
    batch, computed, real = ValueKind.BATCH, ValueKind.COMPUTED, DType.FLOAT32
    steps: list[tuple[str, str, tuple[int, ...], tuple[Arg, ...]]] = [
        ("wide", "_to_copy", (2, 3), (Ref("in_0"),)),
        ("flat", "reshape", (6,), (Ref("wide"), (6,))),
        ("rows", "embedding", (6, 5), (Ref("table"), Ref("flat"))),
        ("column", "unsqueeze", (6, 1), (Ref("target"), 1)),
        ("loss", "gather", (6, 1), (Ref("rows"), 1, Ref("column"))),
    ]
    values = [
        value("in_0", (2, 3), DType.INT32, batch),
        value("in_1", (2, 3), DType.INT64, batch),
        value("in_2", (2,), DType.BOOL, batch),
        value("target", (6,), DType.INT64, batch),
        value("table", (11, 5), real, ValueKind.PARAMETER),
    ]
    values += [value(name, shape, real, computed) for name, _, shape, _ in steps]
    ops = tuple(Op(n, f"aten.{kind}.default", args, (n,)) for n, kind, _, args in steps)
    return Graph(Phase.FULL, tuple(values), ops, (Named("output", "rows"),))


def good(count: int = 6) -> Arrays:
    generator = np.random.default_rng(0)
    return {
        "in_0": generator.standard_normal((count, ROWS, IN)),
        "target": generator.standard_normal((count, ROWS, OUT)).astype(np.float32),
    }


def saved(folder: Path, arrays: Arrays) -> Path:
    path = folder / "data.npz"
    np.savez(path, allow_pickle=True, **arrays)
    return path


def test_samples_shaped_like_the_graph_are_steps(tmp_path: Path) -> None:
    arrays = good() | {"split": np.array([0, 0, 1, 0, 2, 0])}
    data = load_training_data(saved(tmp_path, arrays), full_graph())
    assert data.batch is None
    assert data.steps_per_epoch == 4
    assert (data.train.tolist(), data.validation.tolist(), data.test.tolist()) == (
        [0, 1, 3, 5],
        [2],
        [4],
    )
    first = next(data.steps(data.validation))
    assert first["in_0"].dtype is torch.float32
    np.testing.assert_allclose(first["in_0"].numpy(), arrays["in_0"][2], rtol=1e-6)


def test_samples_without_the_batch_axis_are_gathered(tmp_path: Path) -> None:
    arrays: Arrays = {
        "in_0": np.arange(10 * IN, dtype=np.float32).reshape(10, IN),
        "target": np.zeros((10, OUT), np.float32),
    }
    data = load_training_data(saved(tmp_path, arrays), full_graph())
    assert (data.batch, data.steps_per_epoch) == (ROWS, 2)
    steps = list(data.epoch(seed=0, number=1))
    assert [step["in_0"].shape for step in steps] == [(ROWS, IN)] * 2


def test_order_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    data = load_training_data(saved(tmp_path, good(20)), full_graph())

    def order(seed: int, epoch: int) -> list[float]:
        return [float(step["in_0"][0, 0]) for step in data.epoch(seed, epoch)]

    assert order(1, 1) == order(1, 1)
    assert order(1, 1) != order(1, 2)
    assert order(1, 1) != order(2, 1)
    assert sorted(order(1, 1)) == sorted(order(1, 2))


def broken() -> list[tuple[str, Arrays]]:
    bad_number, short = good(), good()
    bad_number["in_0"][3, 0, 0] = np.nan
    short["target"] = short["target"][:-1]
    without = {"in_0": good()["in_0"]}
    return [
        ("finite numbers", bad_number),
        ("same number of samples", short),
        ("an array for 'target'", without),
        (r"samples of shape \[4, 3\]", good() | {"in_0": np.zeros((6, ROWS, IN + 1))}),
        ("elements of type float32", good() | {"in_0": np.zeros((6, ROWS, IN), np.int64)}),
        ("elements of type float32", good() | {"target": np.full((6, ROWS, OUT), "a")}),
        ("arrays named in_0", good() | {"splits": np.zeros(6, np.int64)}),
        ("each 0", good() | {"split": np.full(6, 3)}),
        ("6 integers", good() | {"split": np.zeros(5, np.int64)}),
        ("at least 1 samples to train on", good() | {"split": np.ones(6, np.int64)}),
        ("finite numbers", good() | {"in_0": np.full((6, ROWS, IN), 1e300)}),
        ("Object arrays", good() | {"target": np.array([{}], dtype=object)}),
    ]


@pytest.mark.parametrize(("message", "arrays"), broken())
def test_malformed_training_data_is_refused(message: str, arrays: Arrays, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        load_training_data(saved(tmp_path, arrays), full_graph())
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x80\x04K\x01.", None])
def test_a_file_that_is_no_archive_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInputError, match="data file"):
        load_training_data(path, full_graph())


def test_a_bare_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npy"
    np.save(path, np.zeros(3))
    with pytest.raises(InvalidInputError, match="a single array"):
        load_inputs(path, full_graph())


def test_inputs_come_with_references_and_under_the_models_names(tmp_path: Path) -> None:
    sample = {name: array[0] for name, array in good().items()}
    sample["x"] = sample.pop("in_0")
    references = {"ref_loss": np.float32(0.5), "ref_out": np.zeros((ROWS, OUT))}
    path = saved(tmp_path, sample | references | {"grad/w": np.ones(3)})
    inputs = load_inputs(path, full_graph(), {"x": "in_0"})
    assert inputs.values.keys() == {"in_0", "target"}
    assert inputs.ref_loss == 0.5
    assert inputs.ref_out is not None
    assert inputs.gradients["w"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("number", [-0.1, 1.5])
def test_probabilities(number: float, tmp_path: Path) -> None:
    rule = TargetRule(is_probability=True)
    drawn = seeded_inputs(full_graph(), 1, target=rule)["target"]
    assert 0 <= drawn.min() < drawn.max() <= 1
    arrays = {name: array[0] for name, array in good(1).items()}
    arrays["target"] = np.full_like(arrays["target"], number)
    with pytest.raises(InvalidInputError, match=f"probabilities from 0 to 1, found {number}"):
        load_inputs(saved(tmp_path, arrays), full_graph(), target=rule)


def test_inputs_have_no_sample_axis(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"shape \[4, 3\]"):
        load_inputs(saved(tmp_path, good(1)), full_graph())


def test_limits_follow_views_and_casts_to_the_table() -> None:
    assert integer_limits(token_graph()) == {"in_0": 11, "target": 5}


def token_inputs() -> Arrays:
    return {
        "in_0": np.full((2, 3), 10),
        "in_1": np.full((2, 3), -7),
        "in_2": np.ones(2, bool),
        "target": np.array([0, 4, -100, 1, 2, 3]),
    }


def test_integers_within_the_table_pass(tmp_path: Path) -> None:
    rule = TargetRule(ignored=-100)
    inputs = load_inputs(saved(tmp_path, token_inputs()), token_graph(), target=rule)
    assert inputs.values["in_0"].dtype is torch.int32
    assert inputs.values["target"].tolist() == [0, 4, -100, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "number", "message"),
    [
        ("in_0", 11, "integers from 0 to 10, found 11"),
        ("in_0", -1, "integers from 0 to 10, found -1"),
        ("target", 5, "integers from 0 to 4, found 5"),
        ("target", -1, "integers from 0 to 4, found -1"),
        ("target", -100, "integers from 0 to 4, found -100"),
    ],
)
def test_integers_beyond_the_table_are_refused(
    name: str, number: int, message: str, tmp_path: Path
) -> None:
    arrays = token_inputs()
    arrays[name] = np.full_like(arrays[name], number)
    with pytest.raises(InvalidInputError, match=message):
        load_inputs(saved(tmp_path, arrays), token_graph())


def test_seeded_inputs_fit_the_graph() -> None:
    inputs = seeded_inputs(token_graph(), seed=3)
    assert inputs["in_0"].shape == (2, 3)
    assert inputs["in_0"].dtype is torch.int32
    assert inputs["in_0"].min() >= 0
    assert inputs["in_0"].max() < 11
    assert (inputs["in_1"] == 1).all()
    assert inputs["in_2"].all()
    assert torch.equal(inputs["in_0"], seeded_inputs(token_graph(), seed=3)["in_0"])
    assert seeded_inputs(token_graph(), 3, {"in_0": 1})["in_0"].max() == 0
    assert seeded_inputs(full_graph(), seed=3)["in_0"].std() > 0
