"""What an imported ONNX model may not be, and what its user is warned of."""

from collections.abc import Collection, Mapping

from torch.nn import Parameter

from hptc.errors import ModelError
from hptc.frontend.onnx_module import registered_name
from hptc.frontend.onnx_parameters import is_anonymous
from hptc.frontend.onnx_steps import Evaluation, Weights


def refuse_sequences(evaluation: Evaluation, where: str) -> None:
    """Raise ModelError where an output is no tensor."""
    found = [name for name in evaluation.outputs if name not in evaluation.shapes]
    if found:
        raise ModelError(
            where,
            expected="outputs that are tensors",
            found=f"a sequence in {', '.join(found)}",
            hint="Export the model with the elements of the sequence as outputs.",
        )


def check_finite(parameters: Mapping[str, Parameter], where: str) -> None:
    """Raise ModelError where a weight that is trained holds NaN or infinity."""
    broken = [n for n, p in parameters.items() if p.requires_grad and not p.isfinite().all()]
    if broken:
        raise ModelError(
            where,
            expected="finite numbers in every weight that is trained",
            found=f"NaN or infinity in {', '.join(broken[:5])}",
            hint="Export the model from a sound checkpoint, or freeze the weight (--frozen).",
        )


def import_warnings(
    evaluation: Evaluation,
    weights: Weights,
    parameters: Mapping[str, Parameter],
    folded: Collection[str],
) -> tuple[str, ...]:
    """Return what the user of an imported model should know.

    Args:
        evaluation: What came of evaluating the model.
        weights: Its initializers.
        parameters: Those of the module that it became.
        folded: Weights that the exporter computed from others, and named.
    """
    return (
        *evaluation.warnings,
        *_opaque_warnings(evaluation),
        *_naming_warnings(parameters, folded),
        *_renaming_warnings(weights),
    )


def _opaque_warnings(evaluation: Evaluation) -> tuple[str, ...]:
    if not evaluation.opaque:
        return ()
    return (f"run outside torch, forward only: {', '.join(evaluation.opaque)}",)


def _renaming_warnings(weights: Weights) -> tuple[str, ...]:
    names = [*weights.trained, *weights.kept]
    return tuple(
        f"initializer {name!r} is called {registered_name(name)!r}: torch reserves a part of it"
        for name in names
        if registered_name(name) != name
    )


def _naming_warnings(
    parameters: Mapping[str, Parameter], folded: Collection[str]
) -> tuple[str, ...]:
    trained = [name for name, value in parameters.items() if value.requires_grad]
    if not trained:
        return ("no initializer is trained: name some with --train REGEX",)
    anonymous = [name for name in trained if is_anonymous(name) or name in folded]
    if not anonymous:
        return ()
    return (
        f"{len(anonymous)} trained weights have names made up by the exporter (e.g. "
        f"{anonymous[0]!r}): torch.onnx.export(optimize=True) loses parameter names, "
        "optimize=False keeps them",
    )
