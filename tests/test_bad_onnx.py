"""ONNX graphs that break a rule each: one clear paragraph, whatever is wrong with them."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import Message  # type: ignore[import-untyped]  # no stubs
from onnx import TensorProto, helper, numpy_helper

from hptc.errors import InvalidInputError, ModelError, UsageError
from hptc.frontend.onnx import ImportedModel, from_model_proto
from tests.small_onnx import load_onnx, small_model

HEADER = '<ir_version: 8, opset_import: ["" : 17]>'
WEIGHT = f"float[3,4] w = {{{', '.join(str(i * i % 7 + 0.5) for i in range(12))}}}"


def parsed(signature: str, body: str, weights: str = WEIGHT) -> onnx.ModelProto:
    return onnx.parser.parse_model(f"{HEADER} g {signature} <{weights}> {{ {body} }}")


def linear(x: str = "float[2,3] x") -> onnx.ModelProto:
    return parsed(f"({x}) => (float[N,4] y)", "y = MatMul (x, w)")


def imported(model: onnx.ModelProto, train: str | None = None) -> ImportedModel:
    return from_model_proto(model, where="model.onnx", train=train)


def input_type(model: onnx.ModelProto) -> onnx.TypeProto.Tensor:
    found: onnx.TypeProto.Tensor = model.graph.input[0].type.tensor_type
    return found


def _initializer_twice(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def _input_twice(model: onnx.ModelProto) -> None:
    model.graph.input.append(model.graph.input[0])


def _node_writes_input(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", ["y"], ["x"]))


def _reads_itself(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Add", ["loop", "y"], ["loop"]))


def _declared_transposed(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3]))


def _declared_double(model: onnx.ModelProto) -> None:
    model.graph.value_info.append(helper.make_tensor_value_info("w", TensorProto.DOUBLE, [3, 4]))


def _too_much_data(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].float_data.append(1.0)


def _huge_weight(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = 2**40


def _negative_weight(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = -3


def _huge_input(model: onnx.ModelProto) -> None:
    input_type(model).shape.dim[0].dim_value = 2**40


def _negative_input(model: onnx.ModelProto) -> None:
    input_type(model).shape.dim[0].dim_value = -2


def _scalar_input(model: onnx.ModelProto) -> None:
    del input_type(model).shape.dim[:]


def _no_shape(model: onnx.ModelProto) -> None:
    input_type(model).ClearField("shape")


def _text_input(model: onnx.ModelProto) -> None:
    input_type(model).elem_type = TensorProto.STRING


def _wrong_attribute(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Gemm"
    model.graph.node[0].attribute.append(helper.make_attribute("transB", "yes"))


def _borrowed_attribute(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Gemm"
    attribute = helper.make_attribute("transB", 0)
    attribute.ref_attr_name = "flag"
    model.graph.node[0].attribute.append(attribute)


def _undeclared_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "acme"


def _opset_twice(model: onnx.ModelProto) -> None:
    model.opset_import.add(domain="ai.onnx", version=13)


def _control_character(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].name = model.graph.node[0].input[1] = "w\n\0"


DAMAGES: tuple[tuple[Callable[[onnx.ModelProto], None], str], ...] = (
    (_initializer_twice, "not unique"),
    (_input_twice, "single static assignment"),
    (_node_writes_input, "single static assignment"),
    (_reads_itself, "'loop'"),
    (_declared_transposed, "differ in dimension 0"),
    (_declared_double, "differs from existing elem type"),
    (_too_much_data, "'w'"),
    (_huge_weight, "too small"),
    (_negative_weight, "Negative dimension"),
    (_huge_input, "input 'x'.*at most 2147483648 elements"),
    (_negative_input, r"input 'x'.*\[-2, 3\]"),
    (_scalar_input, r"'x' float32\[\]"),
    (_no_shape, "shape"),
    (_text_input, "inconsistent type|string"),
    (_wrong_attribute, "Mismatched attribute type"),
    (_borrowed_attribute, "refers to 'flag'"),
    (_undeclared_domain, "'acme'"),
    (_opset_twice, "two imports of ''"),
    (_control_character, "printable"),
)


@pytest.mark.parametrize(("damage", "word"), DAMAGES)
def test_damage(damage: Callable[[onnx.ModelProto], None], word: str) -> None:
    model = linear()
    damage(model)
    with pytest.raises(ModelError, match=word) as caught:
        imported(model)
    assert "model.onnx" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("kind", ["double", "int64"])
def test_element_types_that_clash(kind: str) -> None:
    inputs = f"(float[2,3] x, {kind}[4] k) => (float[2,4] y)"
    with pytest.raises(ModelError, match="inconsistent type"):
        imported(parsed(inputs, "h = MatMul (x, w)  y = Add (h, k)"))


def test_scalar_and_empty_tensors_that_fit() -> None:
    signature = "(float s, float[2,0] e, float[2,3] x) => (float[2,4] y)"
    body = "p = Mul (s, x)  a = MatMul (p, w)  b = MatMul (e, v)  y = Add (a, b)"
    model = imported(parsed(signature, body, f"{WEIGHT}, float[0,4] v = {{}}"))
    scalar, empty, x = model.example_inputs
    (y,) = model.module(scalar, empty, x)
    assert (scalar.shape, empty.shape) == ((), (2, 0))
    assert np.allclose(y.detach(), (scalar * x @ model.module.get_parameter("w")).detach())


def test_a_sequence_as_output() -> None:
    model = parsed(
        "(float[2,3] x) => (seq(float[2,4]) y)", "h = MatMul (x, w)  y = SequenceConstruct (h)"
    )
    with pytest.raises(ModelError, match="a sequence in y"):
        imported(model)


def test_integers_are_never_trained() -> None:
    weights = f"{WEIGHT}, int64[4] offset = {{1, 2, 3, 4}}"
    body = "h = MatMul (x, w)  o = Cast <to = 1> (offset)  y = Add (h, o)"
    model = parsed("(float[2,3] x) => (float[2,4] y)", body, weights)
    assert [name for name, _ in imported(model).module.named_parameters()] == ["w"]
    with pytest.raises(UsageError, match=r"only integers or frozen parameters: offset.*names: w"):
        imported(model, train="off")


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for item in value if field.is_repeated else (value,):
                yield from _messages(item)


WORDS = ("", "x", "y", "up.weight", "Relu", "axis", "ai.onnx", "\n")
NUMBERS = (0, 1, -1, 7, 99, 2**31 - 1, -(2**31))


def _drawn(kind: int, draw: random.Random) -> object:
    if kind == 9:  # text; 12 is bytes, 1 and 2 are numbers with a point
        return draw.choice(WORDS)
    if kind == 12:
        return draw.randbytes(draw.randrange(9))
    return draw.choice((0.0, 1e38, float("nan"))) if kind in (1, 2) else draw.choice(NUMBERS)


def _changed(model: onnx.ModelProto, draw: random.Random) -> onnx.ModelProto:
    """Return the model with one field of one of its parts removed or replaced."""
    spoilt = onnx.ModelProto()
    spoilt.CopyFrom(model)
    part = draw.choice(list(_messages(spoilt)))
    field = draw.choice(part.DESCRIPTOR.fields)
    if draw.random() < 0.3 or field.type == field.TYPE_MESSAGE:
        part.ClearField(field.name)
        return spoilt
    value = _drawn(field.type, draw)
    try:
        if field.is_repeated:
            items = getattr(part, field.name)
            items[draw.randrange(len(items) or 1) :] = [value]
        else:
            setattr(part, field.name, value)
    except (ValueError, TypeError):
        part.ClearField(field.name)  # protobuf itself refused the value
    return spoilt


def _flipped(content: bytes, draw: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(draw.choice((1, 2, 5))):
        data[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(data)


def _refusal(path: Path) -> str:
    try:
        load_onnx(path)
    except InvalidInputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", ["fields", "bytes"])
def test_random_damage(kind: str, tmp_path: Path) -> None:
    model, path = small_model(), tmp_path / "model.onnx"
    model.graph.value_info.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, [4, 16]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 2]), "unused"))
    content = model.SerializeToString()
    refusals = []
    for seed in range(250):
        draw = random.Random(seed)
        spoilt = _flipped(content, draw) if kind == "bytes" else _changed(model, draw)
        path.write_bytes(spoilt if isinstance(spoilt, bytes) else spoilt.SerializeToString())
        refusals.append(_refusal(path))
    assert all(len(text.splitlines()) <= 1 for text in refusals)
    assert sum(map(bool, refusals)) > 60
