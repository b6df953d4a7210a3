"""hptc as an ONNX backend: the standard's own cases, and what the fallbacks may and may not do."""

import unittest
import warnings
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from hptc.embed.onnx import Backend
from hptc.errors import InvalidInputError, UnsupportedOpError, UsageError

CASES = (
    "abs|add_bcast|add_uint64|and2d|argmax_default_axis_example|averagepool_2d_ceil|"
    "basic_conv_with_padding|batchnorm_example|bitshift_left_uint8|blackmanwindow|"
    "cast_FLOAT_to_STRING|cast_FLOAT_to_INT4|cast_FLOAT_to_FLOAT8E5M2|ceil|clip_default_inbounds|"
    "compress_0|concat_1d_axis_0|constant|constantofshape_float_ones|convtranspose|cumsum_1d|"
    "dequantizelinear_int4|div_uint64|dropout_default|einsum_sum|equal_string|expand_dim_changed|"
    "eyelike_with_dtype|flatten_axis0|gather_0|gelu_default_1|gemm_all_attributes|"
    "gru_defaults|identity_opt|identity_sequence|if|if_seq|instancenorm_example|"
    "layer_normalization_2d_axis0|loop11|lstm_defaults|matmul_2d|maxpool_2d_default|mod_uint64|"
    "nonmaxsuppression_limit_output_size|nonzero_example|one_hot_with_axis|optional_has_element|"
    "pow_types_int|qlinearmatmul_2D_int8_float32|range_float_type_positive_delta|reduce_max_empty|"
    "regex_full_match_basic|reshape_zero_dim|resize_upsample_scales_nearest|scan9_sum|"
    "scatternd_add|sequence_insert_at_back|sequence_map_add_1_sequence_1_tensor|shape|size|"
    "slice_default_axes|softmax_axis_0|split_zero_size_splits_opset18|string_concat|"
    "string_split_basic|strnorm_model_nostopwords_nochangecase|tfidfvectorizer_tf_only_bigrams_skip0|"
    "topk|training_dropout|transpose_all_permutations_0|tril_zero|unique_sorted_with_axis|"
    "where_example|xor2d"
)


def _standard_tests() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test import BackendTest  # noqa: PLC0415  (it warns)

        tests = BackendTest(Backend, __name__)
    tests.include(f"^test_({CASES})_cpu$")
    return tests.test_cases["OnnxBackendNodeModelTest"]


def test_cases_of_the_standard() -> None:
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(_standard_tests())
    result = unittest.TestResult()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        suite.run(result)
    faults = [(case.id(), text.splitlines()[-1]) for case, text in result.failures + result.errors]
    assert faults == []
    assert result.testsRun - len(result.skipped) >= 60


def _model(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> {text}')


X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_all_outputs_in_order() -> None:
    model = _model("g (float[N, 3] x) => (float[N, 3] a, float[M] b) { a = Neg (x) b = Shape (x) }")
    model.graph.output[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    a, b = Backend.prepare(model).run([X])
    np.testing.assert_array_equal(a, -X)
    np.testing.assert_array_equal(b, [2, 3])


def test_shapes_compile_anew_and_values_do_not() -> None:
    model = _model("g (float[N, 3] x) => (float[N, 3] y) { y = Neg (x) }")
    prepared = Backend.prepare(model)
    for array in (X, X + 1, X[:1], X[:0]):
        np.testing.assert_array_equal(prepared.run([array])[0], -array)
    assert len(prepared._cache) == 3


def test_only_values_that_decide_shapes_are_constants() -> None:
    model = _model(
        "g (float[N, 3] x, int64[K] s, float[N, 3] z) => (float[A, B] y) "
        "{ a = Add (x, z) y = Reshape (a, s) }"
    )
    prepared = Backend.prepare(model)
    for shape in ([3, 2], [3, 2], [6, 1]):
        (y,) = prepared.run({"x": X, "s": np.array(shape), "z": X})
        np.testing.assert_array_equal(y, (2 * X).reshape(shape))
    assert [sorted(item.constants) for item in prepared._cache.values()] == [["s"], ["s"]]


def test_model_without_inputs_and_scalars() -> None:
    model = _model("g () => (float y) { c = Constant <value_float = 2.0> () y = Neg (c) }")
    (y,) = Backend.run_model(model, [])
    assert y.shape == ()
    assert y == -2


def test_opaque_operations_are_named() -> None:
    model = _model(
        "g (float[2, 3] x) => (float[2, 3] y) { a = Neg (x) y = com.microsoft.FastGelu (a) }"
    )
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    prepared = Backend.prepare(model)
    assert prepared.opaque_ops == ("com.microsoft.FastGelu",)
    (y,) = prepared.run([X])
    assert prepared.opaque_ops == ("com.microsoft.FastGelu",)
    np.testing.assert_allclose(y, [[0, -0.158808, -0.045402], [-0.003637, 0, 0]], atol=1e-3)


def test_random_operation_is_refused() -> None:
    model = _model("g (float[2, 3] x) => (float[2, 3] y) { y = Bernoulli (x) }")
    with pytest.raises(UnsupportedOpError, match="draws random numbers"):
        Backend.prepare(model).run([X])


def test_operation_that_nothing_computes() -> None:
    model = _model("g (float[2, 3] x) => (float[2, 3] y) { y = nobody.Has (x) }")
    model.opset_import.append(helper.make_opsetid("nobody", 1))
    with pytest.raises(UnsupportedOpError, match=r"nobody\.Has"):
        Backend.prepare(model)
    assert not Backend.is_compatible(model)


def test_wrong_inputs() -> None:
    prepared = Backend.prepare(_model("g (float[2, 3] x) => (float[2, 3] y) { y = Neg (x) }"))
    with pytest.raises(InvalidInputError, match="2 values"):
        prepared.run([X, X])
    with pytest.raises(InvalidInputError, match="ONNX"):
        prepared.run([np.array(["2020-01-01"], dtype="datetime64[D]")])
    with pytest.raises(UsageError, match="CUDA"):
        Backend.prepare(_model("g (float x) => (float y) { y = Neg (x) }"), "CUDA")


def test_one_node() -> None:
    node = helper.make_node("Add", ["a", "b"], ["y"])
    (y,) = Backend.run_node(node, [X, X])
    np.testing.assert_array_equal(y, 2 * X)
