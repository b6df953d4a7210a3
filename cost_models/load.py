"""Read targets: built-in ones by name, others from TOML files."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from cost_models.document import parse_document
from cost_models.link import links_of
from cost_models.link_presets import with_presets
from cost_models.merge import resolved
from cost_models.mistakes import refuse_unknown
from cost_models.model import MemoryParams
from cost_models.overlay import Document
from cost_models.overrides import with_overrides
from cost_models.ranges import ranges_of, to_toml, with_numbers
from cost_models.registry import KINDS
from cost_models.text_file import read_text, refusal
from hptc.target import DeviceSpec, Target

_BUILTIN = "builtin:"
_SUFFIX = ".toml"
_FOREIGN = frozenset({".cfg", ".ini"})
"""Files of other tools, which `importers` reads."""
_TARGETS = files("cost_models").joinpath("targets")
_BASES = _TARGETS.joinpath("bases")


def load_target(name_or_path: str, overrides: Sequence[str] = ()) -> Target:
    """Return a validated target.

    Args:
        name_or_path: `hybrid`, `builtin:hybrid`, or the path of a `.toml` file.
        overrides: Settings such as `devices.reram.adc_bits=6`, applied after `extends`.

    Raises:
        TargetError: The target or a setting is malformed; names the place and what is allowed.

    >>> [device.name for device in load_target("hybrid").devices]
    ['systolic', 'reram', 'gpu']
    """
    where, document = _read(name_or_path, "")
    whole = with_overrides(resolved(document, where, _read), overrides)
    changed = f" with {' '.join(f'--set {item}' for item in overrides)}" if overrides else ""
    return _target(whole, f"target {where}{changed}")


def target_from_toml(text: str, where: str) -> Target:
    """Return the target that a TOML document describes.

    Args:
        text: The document, e.g. `Target.toml` from a bundle.
        where: What to call it in messages; also where relative `extends` are looked up.

    Raises:
        TargetError: The document is malformed.
    """
    document = _parsed(text, where)
    return _target(resolved(document, where, _read), f"target {where}")


def at_numbers(target: Target, numbers: Mapping[str, float]) -> Target:
    """Return the target with other numbers at some of the paths of its ranges.

    What is not named takes its typical number, so the result has no ranges.

    Raises:
        TargetError: The numbers contradict one another.
    """
    typical = {item.path: item.typical for item in target.ranges}
    document = with_numbers(tomllib.loads(target.toml), {**typical, **numbers})
    return _target(document, f"target {target.name}")


def builtin_targets() -> tuple[str, ...]:
    """Return the names of the targets that come with hptc, in alphabetical order."""
    return _names_in(_TARGETS)


def base_targets() -> tuple[str, ...]:
    """Return the names of what targets may extend, but that is no target in itself."""
    return _names_in(_BASES)


def _names_in(folder: Traversable) -> tuple[str, ...]:
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def _target(data: Document, where: str) -> Target:
    document = parse_document(data, where)
    devices = tuple(_device(name, table) for name, table in document.devices.items())
    links = links_of([*document.devices], document.topology, document.links)
    return Target(document.name, devices, links, to_toml(data), ranges_of(data, where))


def _device(name: str, table: Mapping[str, object]) -> DeviceSpec:
    kind = KINDS[str(table["kind"])]
    own = {key: value for key, value in table.items() if key != "kind"}
    params = kind.params.model_validate(own)
    if not isinstance(params, MemoryParams):
        return DeviceSpec(name, str(table["kind"]), own)
    return DeviceSpec(name, str(table["kind"]), own, params.memory_bytes, params.units)


def _read(name: str, seen_from: str) -> tuple[str, Document]:
    """Read a target by name, or by a path relative to the file that names it."""
    builtin = name.removeprefix(_BUILTIN)
    is_path = "/" in name or Path(name).suffix in {_SUFFIX, *_FOREIGN}
    if is_path and not name.startswith(_BUILTIN):
        return _read_file(Path(seen_from).parent / name)
    folder = _BASES if builtin in base_targets() else _TARGETS
    if builtin not in _names_in(folder):
        place = f"target {name}" if not seen_from else f"target {seen_from}, extends"
        refuse_unknown(
            place, "a path to a .toml file or a built-in target", builtin, builtin_targets()
        )
    entry = folder.joinpath(builtin + _SUFFIX)
    return _BUILTIN + builtin, _parsed(entry.read_text(encoding="utf-8"), _BUILTIN + builtin)


def _read_file(path: Path) -> tuple[str, Document]:
    if path.suffix in _FOREIGN:
        hint = f"`hptc target import {path}` writes one."
        raise refusal(path, "a TOML file", f"one that ends in {path.suffix}", hint)
    hint = f"Built-in targets: {', '.join(builtin_targets())}."
    return str(path), _parsed(read_text(path, "a readable TOML file", hint), str(path))


def _parsed(text: str, where: str) -> Document:
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise refusal(where, "TOML", "too deep a nesting") from None
    except ValueError as error:  # also numbers of thousands of digits
        raise refusal(where, "TOML", str(error)) from None
    return with_presets(document, f"target {where}")
