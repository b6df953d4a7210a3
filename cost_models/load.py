"""Read targets: built-in ones by name, others from TOML files."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import permutations
from pathlib import Path
from typing import Any

from cost_models.document import TargetDocument, parse_document, refuse_unknown
from cost_models.link import WireTable, links_of
from cost_models.link_presets import link_presets, with_presets
from cost_models.merge import Document, resolved, with_overrides
from cost_models.ranges import ranges_of, to_toml, with_numbers, with_range_schema
from cost_models.registry import KINDS
from hptc.errors import TargetError
from hptc.target import DeviceSpec, Target

_BUILTIN = "builtin:"
_SUFFIX = ".toml"
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


def target_schema() -> dict[str, object]:
    """Return the JSON Schema of a target file.

    Keys of devices that `extends` can supply are not marked as required.
    """
    schema = TargetDocument.model_json_schema()
    tables: dict[str, dict[str, Any]] = schema.setdefault("$defs", {})
    definitions = {name: with_range_schema(table) for name, table in tables.items()}
    schema["$defs"] = definitions
    for wire in ("LinkTable", "TopologyTable"):
        _allow_preset(definitions[wire])
    for kind, entry in KINDS.items():
        device = with_range_schema(entry.params.model_json_schema())
        device.pop("required", None)
        device["properties"]["kind"] = {"const": kind}
        definitions[kind] = device
    choices = [{"$ref": f"#/$defs/{kind}"} for kind in KINDS]
    schema["properties"]["devices"]["additionalProperties"] = {"anyOf": choices}
    schema["properties"]["extends"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    }
    schema.pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _allow_preset(wire: dict[str, Any]) -> None:
    """Add `preset`, which supplies the numbers that are else required."""
    wire["properties"]["preset"] = {"enum": sorted(link_presets())}
    supplied = {*WireTable.model_fields}
    wire["required"] = [key for key in wire["required"] if key not in supplied]


def check_target(target: Target) -> tuple[str, ...]:
    """Return warnings about a valid target: numbers without a source, devices without a link."""
    document = parse_document(tomllib.loads(target.toml), target.name)
    return (
        *(warning for device in target.devices for warning in _unsourced(device)),
        *(
            warning
            for link in document.links
            for warning in _unsourced_wire(f"links: {link.src} - {link.dst}", link)
        ),
        *_gaps(target),
        *(_unsourced_wire("topology", document.topology) if document.topology else []),
    )


def _unsourced(device: DeviceSpec) -> list[str]:
    sources = device.table.get("sources", {})
    known = sources if isinstance(sources, dict) else {}
    return [
        f"devices.{device.name}: {key} = {value} has no source"
        for key, value in device.table.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and key not in known
    ]


def _unsourced_wire(place: str, wire: WireTable) -> list[str]:
    numbers = wire.model_dump(include={*WireTable.model_fields} - {"sources", "validation"})
    return [
        f"{place}: {key} = {value} has no source"
        for key, value in numbers.items()
        if key not in wire.sources
    ]


def _gaps(target: Target) -> list[str]:
    joined = {(link.src, link.dst) for link in target.links}
    pairs = permutations([device.name for device in target.devices], 2)
    return [f"links: none from {src} to {dst}" for src, dst in pairs if (src, dst) not in joined]


def _target(data: Document, where: str) -> Target:
    document = parse_document(data, where)
    devices = tuple(
        DeviceSpec(
            name,
            str(table["kind"]),
            {key: value for key, value in table.items() if key != "kind"},
        )
        for name, table in document.devices.items()
    )
    links = links_of([*document.devices], document.topology, document.links)
    return Target(document.name, devices, links, to_toml(data), ranges_of(data, where))


def _read(name: str, seen_from: str) -> tuple[str, Document]:
    """Read a target by name, or by a path relative to the file that names it."""
    builtin = name.removeprefix(_BUILTIN)
    if not name.startswith(_BUILTIN) and (name.endswith(_SUFFIX) or "/" in name):
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
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(
            f"target {path}",
            expected="a readable TOML file",
            found=str(error),
            hint=f"Built-in targets: {', '.join(builtin_targets())}.",
        ) from None
    return str(path), _parsed(text, str(path))


def _parsed(text: str, where: str) -> Document:
    try:
        return with_presets(tomllib.loads(text), f"target {where}")
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"target {where}", expected="TOML", found=str(error)) from None
