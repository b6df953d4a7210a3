"""The op tables: what every supported ONNX operation means in torch, by family."""

from types import MappingProxyType

from hptc.frontend.onnx_ops import conv, logic, math, nn, pool, reduce, resize, sequence, shape
from hptc.frontend.onnx_ops.rule import Rule

TABLES = (math, logic, reduce, shape, sequence, nn, conv, pool, resize)


def _index() -> dict[tuple[str, str], tuple[Rule, ...]]:
    found: dict[tuple[str, str], list[Rule]] = {}
    for table in TABLES:
        for rule in table.RULES:
            found.setdefault((rule.domain, rule.op), []).append(rule)
    return {key: tuple(sorted(rules, key=lambda r: -r.since)) for key, rules in found.items()}


_RULES = MappingProxyType(_index())


def find_rule(domain: str, op: str, opset: int) -> Rule | None:
    """Return what `op` means at `opset`, or None where hptc has no rule for it.

    >>> find_rule("", "Softmax", 20).since
    13
    """
    return next((rule for rule in _RULES.get((domain, op), ()) if rule.since <= opset), None)
