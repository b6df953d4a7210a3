"""The option `--adapt`: clauses, each a form of reparametrisation for the weights it names."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from hptc.errors import UsageError
from hptc.frontend.adapters import FORMS


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """One clause of `--adapt`."""

    form: str = "lora"
    rank: int = 8
    """Or the number of trained coordinates."""
    alpha: float | None = 64.0
    """The update is scaled by alpha / rank, or not at all."""
    match: str = "auto"
    init: str = ""


def parse_adapter(text: str) -> tuple[AdapterSpec, ...]:
    """Parse `lora:r=8,alpha=64,match=query;r=4,match=value`.

    A clause without a form has that of the clause before, and else the form's own defaults. Raises
    UsageError naming the part at fault.
    """
    specs: list[AdapterSpec] = []
    for clause in text.split(";"):
        form, options = _split(clause)
        form = form or (specs[-1].form if specs and options.strip() else "")
        if form not in FORMS:
            raise UsageError(
                f"--adapt {text}", expected=f"one of the forms {', '.join(FORMS)}", found=repr(form)
            )
        spec = _default(form)
        for item in filter(None, options.split(",")):
            key, _, value = item.partition("=")
            spec = _with_option(spec, key.strip(), value.strip(), text)
        specs.append(spec)
    return tuple(specs)


def _split(clause: str) -> tuple[str, str]:
    """Return form and options of a clause; a pattern may hold a colon."""
    head, _, tail = clause.partition(":")
    return ("", clause) if "=" in head else (head.strip(), tail)


def _default(form: str) -> AdapterSpec:
    known = FORMS[form]
    init = known.inits[0] if known.inits else ""
    return AdapterSpec(form, known.rank, known.alpha, init=init)


def _with_option(spec: AdapterSpec, key: str, value: str, text: str) -> AdapterSpec:
    form = FORMS[spec.form]
    try:
        if key in form.rank_keys and int(value) > 0:
            return replace(spec, rank=int(value))
        if key == "alpha" and 0 < float(value) < inf:
            return replace(spec, alpha=float(value))
    except ValueError:
        pass
    if key == "match" and value:
        return replace(spec, match=value)
    if key == "init" and value in form.inits:
        return replace(spec, init=value)
    raise UsageError(
        f"--adapt {text}",
        expected=f"for {spec.form}: {', '.join(_allowed(spec.form).values())}",
        found=f"{key}={value}",
    )


def _allowed(name: str) -> Mapping[str, str]:
    """Return what each key of a form takes, in words."""
    form = FORMS[name]
    found = {key: f"{key}=POSITIVE INTEGER" for key in form.rank_keys}
    found |= {"alpha": "alpha=POSITIVE NUMBER", "match": "match=auto|PATTERN"}
    return found | ({"init": f"init={'|'.join(form.inits)}"} if form.inits else {})
