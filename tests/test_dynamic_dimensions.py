"""Dynamic dimensions bound at compile time, in ONNX models and exported programs."""

from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from hptc.compiler import compile_model
from hptc.errors import HptcError, ModelError, UsageError
from hptc.frontend.onnx import from_model_proto
from hptc.frontend.specialise import load_static


class Pair(nn.Module):
    """Reads a sequence, and one of twice its length."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 4)
        self.map = nn.Linear(4, 3)

    def forward(self, x: Tensor, long: Tensor) -> Tensor:
        embedded: Tensor = self.table(long)
        result: Tensor = self.map(x).sum(1) + embedded[:, :, :3].sum(1)
        return result


@pytest.fixture(scope="module")
def program() -> ExportedProgram:
    batch, time = Dim("batch", min=2, max=16), Dim("time", min=2, max=64)
    inputs = (torch.randn(3, 5, 4), torch.randint(5, (3, 10)))
    shapes = {"x": {0: batch, 1: time}, "long": {0: batch, 1: 2 * time}}
    return torch.export.export(Pair(), inputs, dynamic_shapes=shapes, strict=False)


def test_a_program_of_bound_size(program: ExportedProgram) -> None:
    model = load_static(program, None, {"batch": 4, "time": 6})
    assert [tuple(item.shape) for item in model.inputs] == [(4, 6, 4), (4, 12)]
    assert int(model.inputs[1].max()) < 5
    assert model.input_names == ("x", "long")
    assert list(model.parameters) == ["table.weight", "map.weight", "map.bias"]


def test_a_file_verifies(program: ExportedProgram, tmp_path: Path) -> None:
    path = tmp_path / "pair.pt2"
    torch.export.save(program, path)
    with pytest.raises(ModelError, match=r"--shape x\[0\]=N --shape x\[1\]=N"):
        compile_model(path)
    shape = {"x[0]": 2, "long[0]": 2, "x[1]": 3}
    bundle = compile_model(path, shape=shape, target="gpu", time_limit_s=3.0)
    assert bundle.verify()["ok"]


def test_sizes_of_example_inputs(program: ExportedProgram) -> None:
    inputs = (torch.randn(7, 2, 4), torch.randint(5, (7, 4)))
    assert load_static(program, inputs, {}).inputs[0].shape == (7, 2, 4)
    with pytest.raises(ModelError, match=r"2 \* x\.size\(\)\[1\]"):
        load_static(program, (inputs[0], torch.randint(5, (7, 6))), {})


@pytest.mark.parametrize(
    ("dimensions", "kind", "word"),
    [
        ({"batch": 2}, ModelError, "no value for time"),
        ({"batch": 99, "time": 3}, UsageError, "from 2 to 16"),
        ({"batch": 2, "tine": 3}, UsageError, r"\(batch, time\)"),
        ({"batch": 2, "x[0]": 3, "time": 3}, UsageError, "expected 2, found 3"),
    ],
)
def test_sizes_that_cannot_be(
    program: ExportedProgram, dimensions: dict[str, int], kind: type[HptcError], word: str
) -> None:
    with pytest.raises(kind, match=word):
        load_static(program, None, dimensions)


def test_expressions_over_names_in_onnx() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17]>
        g (float[batch,time] x, float[batch,long] z, float[N] n) => (float[batch,time] y)
        { y = Relu (x) }""")
    dims = [value.type.tensor_type.shape.dim for value in model.graph.input]
    dims[1][1].dim_param = "2*time + 1"
    dims[2][0].dim_param = ""
    with pytest.raises(ModelError, match=r"no value for batch, time, n\[0\]\. "):
        from_model_proto(model, where="m")
    sizes = {"batch": 2, "time": 3, "n[0]": 4}
    imported = from_model_proto(model, where="m", dimensions=sizes)
    assert [tuple(x.shape) for x in imported.example_inputs] == [(2, 3), (2, 7), (4,)]
    dims[1][1].dim_param = "time - 9"
    with pytest.raises(ModelError, match=r"input 'z'.*\[2, -6\]"):
        from_model_proto(model, where="m", dimensions=sizes)
    dims[1][1].dim_param = "time // (time - 3)"
    with pytest.raises(ModelError, match="zero"):
        from_model_proto(model, where="m", dimensions=sizes)
