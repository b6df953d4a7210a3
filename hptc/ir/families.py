"""The families of ATen operations: one table from kind to the sort of work done."""

from enum import Enum
from functools import cache

from hptc.errors import UnsupportedOpError


class Family(Enum):
    """The sort of work an operation does, as far as hardware tells them apart."""

    CONTRACTION = "contraction"
    ELEMENTWISE = "elementwise"
    REDUCTION = "reduction"
    SOFTMAX = "softmax"
    NORM = "norm"
    GATHER = "gather"
    SCATTER = "scatter"
    COPY = "copy"
    VIEW = "view"
    CREATE = "create"


@cache
def family(kind: str) -> Family:
    """Return the family of an operation kind.

    Args:
        kind: Full name with overload, e.g. `aten.mm.default`.

    Raises:
        UnsupportedOpError: The kind is in no family.

    >>> family("aten.add.Tensor")
    <Family.ELEMENTWISE: 'elementwise'>
    """
    parts = kind.split(".")
    known = len(parts) > 1 and parts[0] in _NAMESPACES
    found = _FAMILIES.get(".".join(parts[1:])) or _FAMILIES.get(parts[1]) if known else None
    if found is None:
        raise UnsupportedOpError(
            f"operation kind {kind}",
            expected="a core ATen operation",
            found="a kind that is in no operation family",
            hint="Decompose it into core ATen operations in the frontend, or add it to "
            "hptc/ir/families.py.",
        )
    return found


@cache
def base_name(kind: str) -> str:
    """Return the kind without namespace and overload.

    >>> base_name("aten.add.Tensor")
    'add'
    """
    return kind.split(".")[1]


_NAMESPACES = frozenset({"aten", "prims", "hptc"})

_MEMBERS = {
    Family.CONTRACTION: """
        mm bmm addmm baddbmm mv dot convolution convolution_backward
    """,
    Family.ELEMENTWISE: """
        __lshift__ __rshift__
        abs acos acosh add addcdiv addcmul asin asinh atan atan2 atanh bitwise_and
        bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil celu clamp
        clamp_max clamp_min convert_element_type copysign cos cosh digamma div elu elu_backward eq
        erf erfc erfinv exp exp2 expm1 floor floor_divide fmax fmin fmod frac ge gelu
        gelu_backward glu glu_backward gt hardshrink hardsigmoid hardsigmoid_backward hardswish
        hardswish_backward hardtanh hardtanh_backward heaviside hypot isfinite isinf isnan
        isneginf isposinf le leaky_relu leaky_relu_backward lerp lgamma log log10 log1p log2
        log_sigmoid_forward log_sigmoid_backward logaddexp logical_and logical_not logical_or
        logical_xor logit lt masked_fill max.other maximum min.other minimum mish mish_backward mul
        nan_to_num native_dropout native_dropout_backward ne neg nextafter polar pow prelu
        reciprocal relu remainder round rsqrt rsub sgn sigmoid sigmoid_backward sign signbit silu
        silu_backward sin sinc sinh softplus softplus_backward softshrink sqrt square sub tan tanh
        tanh_backward threshold threshold_backward tril triu trunc where xlogy
    """,
    Family.REDUCTION: """
        _adaptive_avg_pool2d _adaptive_avg_pool2d_backward _adaptive_avg_pool3d
        _adaptive_avg_pool3d_backward _cdist_backward _cdist_forward _linalg_det _pdist_forward
        adaptive_avg_pool1d adaptive_max_pool2d adaptive_max_pool2d_backward adaptive_max_pool3d
        adaptive_max_pool3d_backward all amax amin aminmax any argmax argmin argsort avg_pool1d
        avg_pool2d avg_pool2d_backward avg_pool3d avg_pool3d_backward count_nonzero cummax cummin
        cumprod cumsum grid_sampler_2d grid_sampler_2d_backward grid_sampler_3d
        grid_sampler_3d_backward kthvalue linalg_vector_norm logcumsumexp logsumexp max
        max_pool2d_with_indices max_pool2d_with_indices_backward max_pool3d_with_indices
        max_pool3d_with_indices_backward mean median min mode norm prod sort std std_mean sum topk
        upsample_bicubic2d upsample_bicubic2d_backward upsample_bilinear2d
        upsample_bilinear2d_backward upsample_linear1d upsample_linear1d_backward
        upsample_nearest1d upsample_nearest1d_backward upsample_nearest2d
        upsample_nearest2d_backward upsample_nearest3d upsample_nearest3d_backward
        upsample_trilinear3d upsample_trilinear3d_backward var var_mean
    """,
    Family.SOFTMAX: """
        _log_softmax _log_softmax_backward_data _safe_softmax _softmax _softmax_backward_data
    """,
    Family.NORM: """
        _fused_rms_norm _fused_rms_norm_backward _native_batch_norm_legit
        _native_batch_norm_legit_functional _native_batch_norm_legit_no_training
        batch_norm_backward native_batch_norm native_batch_norm_backward native_group_norm
        native_group_norm_backward native_layer_norm native_layer_norm_backward
    """,
    Family.GATHER: """
        _unsafe_index embedding gather im2col index index_select masked_select
        nll_loss2d_forward nll_loss_forward take take_along_dim
    """,
    Family.SCATTER: """
        _unsafe_index_put as_strided_scatter col2im diagonal_scatter embedding_dense_backward
        index_add index_copy index_fill index_put masked_scatter nll_loss2d_backward
        nll_loss_backward scatter scatter_add scatter_reduce select_backward select_scatter
        slice_backward slice_scatter unfold_backward
    """,
    Family.COPY: """
        _to_copy _unsafe_masked_index cat channel_shuffle clone constant_pad_nd contiguous copy
        expand_copy flip lift_fresh_copy onnx_node pixel_shuffle pixel_unshuffle reflection_pad1d
        reflection_pad1d_backward reflection_pad2d reflection_pad2d_backward reflection_pad3d
        reflection_pad3d_backward repeat repeat_interleave replication_pad1d
        replication_pad1d_backward replication_pad2d replication_pad2d_backward
        replication_pad3d replication_pad3d_backward roll rot90 stack view_copy
    """,
    Family.VIEW: """
        _reshape_alias _unsafe_view alias as_strided broadcast_in_dim chunk detach diagonal expand
        lift_fresh permute reshape select slice split split_with_sizes squeeze t transpose unbind
        unfold unsqueeze view view_of
    """,
    Family.CREATE: """
        arange empty empty_like empty_permuted empty_strided eye fill full full_like iota linspace
        logspace new_empty new_empty_strided new_full new_ones new_zeros normal ones ones_like
        scalar_tensor tril_indices triu_indices uniform zeros zeros_like
    """,
}

_FAMILIES = {name: group for group, names in _MEMBERS.items() for name in names.split()}
