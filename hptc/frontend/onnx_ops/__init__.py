"""The op tables: what every supported ONNX operation means in torch, by family."""

from types import MappingProxyType

from hptc.frontend.onnx_ops import (
    attention,
    conv,
    create,
    deform,
    features,
    indexing,
    legacy,
    logic,
    math,
    nn,
    pool,
    preview,
    quantize,
    recurrent,
    reduce,
    regions,
    resize,
    sample,
    sequence,
    shape,
    signal,
)
from hptc.frontend.onnx_ops.rule import Rule

TABLES = (
    math,
    logic,
    reduce,
    regions,
    shape,
    signal,
    create,
    deform,
    features,
    indexing,
    sequence,
    nn,
    conv,
    pool,
    preview,
    resize,
    attention,
    recurrent,
    quantize,
    sample,
    legacy,
)


def _index() -> dict[tuple[str, str], tuple[Rule, ...]]:
    found: dict[tuple[str, str], list[Rule]] = {}
    for table in TABLES:
        for rule in table.RULES:
            found.setdefault((rule.domain, rule.op), []).append(rule)
    return {
        key: tuple(sorted(rules, key=lambda r: (-r.since, r.until is None)))
        for key, rules in found.items()
    }


_RULES = MappingProxyType(_index())


def find_rule(domain: str, op: str, opset: int) -> Rule | None:
    """Return what `op` means at `opset`, or None where hptc has no rule for it.

    >>> find_rule("", "Softmax", 20).since
    13
    """
    rules = _RULES.get((domain, op), ())
    return next((r for r in rules if r.since <= opset <= (r.until or opset)), None)
