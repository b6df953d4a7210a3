"""The container of a bundle: one zip of stored entries, with a manifest of their hashes.

Entries are stored, not deflated: the bytes do not depend on a zlib version, and reading one never
takes more memory than the file is long. Nothing is ever unpacked to disk.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from hptc.errors import BundleError
from hptc.files import write_through

SCHEMA_VERSION = 2
"""Of the manifest and of every entry; a reader refuses newer ones."""

_MANIFEST = "manifest.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
_UNIX = 3
_MODE = 0o100644 << 16
_UNREADABLE = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError)
_HINT = "Compile the model again, or fetch the bundle again."


def write_archive(
    path: Path,
    header: Mapping[str, object],
    entries: Mapping[str, bytes | memoryview],
    *,
    force: bool,
) -> None:
    """Write `entries` and a manifest of them atomically: all of it, or no trace.

    Args:
        path: The file to write.
        header: What the manifest says besides versions and hashes, as JSON values.
        entries: Content by name.
        force: Replace an existing file.

    Raises:
        UsageError: The file exists and `force` is false, or it cannot be written.
    """
    write_through(path, lambda file: _pack(file, header, entries), force=force)


def read_archive(path: Path) -> tuple[dict[str, object], dict[str, bytes]]:
    """Return the header and the entries of an archive, every entry checked against its hash.

    Raises:
        BundleError: The file is missing, damaged, unsafe or of a newer schema.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            infos = _safe_entries(path, archive, size)
            manifest = _manifest(path, archive, infos)
            return manifest, _verified(path, archive, infos, manifest)
    except _UNREADABLE as err:
        raise BundleError(
            str(path), expected="an intact bundle", found=f"a damaged file ({err})", hint=_HINT
        ) from err
    except OSError as err:
        raise BundleError(
            str(path), expected="a readable bundle", found=f"{err.strerror or err}"
        ) from err


def _pack(
    file: IO[bytes], header: Mapping[str, object], entries: Mapping[str, bytes | memoryview]
) -> None:
    hashes = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in sorted(entries.items())
    }
    manifest = {"schema_version": SCHEMA_VERSION, **header, "entries": hashes}
    text = json.dumps(manifest, indent=1, allow_nan=False)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in ((_MANIFEST, text.encode()), *sorted(entries.items())):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = _MODE
            info.file_size = len(data)  # tells whether 32 bits hold it
            with archive.open(info, "w") as entry:
                entry.write(data)


def _safe_entries(path: Path, archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Entries by name, refusing what could escape the folder or swell in memory."""
    infos: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise _broken(path, "entries inside the bundle", f"the unsafe path {name!r}")
        if name in infos:
            raise _broken(path, "distinct entries", f"two of the name {name!r}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise _broken(path, "entries that are stored as they are", f"{name!r} compressed")
        infos[name] = info
    total = sum(info.file_size for info in infos.values())
    if total > size:
        raise _broken(path, f"at most {size} bytes of entries", f"{total} bytes declared")
    return infos


def _manifest(
    path: Path, archive: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo]
) -> dict[str, object]:
    if _MANIFEST not in infos:
        raise _broken(path, f"an entry {_MANIFEST}", "none")
    try:
        manifest = json.loads(archive.read(_MANIFEST))
    except (ValueError, RecursionError) as err:
        raise _broken(path, f"JSON in {_MANIFEST}", f"an error ({err})") from err
    if not isinstance(manifest, dict):
        raise _broken(path, f"an object in {_MANIFEST}", f"{type(manifest).__name__}")
    version = manifest.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _broken(path, f"schema version {SCHEMA_VERSION}", f"{version!r}")
    if version > SCHEMA_VERSION:
        raise BundleError(
            str(path),
            expected=f"a bundle of schema version {SCHEMA_VERSION} or older",
            found=f"schema version {version}",
            hint="A newer hptc wrote it: upgrade hptc.",
        )
    return manifest


def _verified(
    path: Path,
    archive: zipfile.ZipFile,
    infos: Mapping[str, zipfile.ZipInfo],
    manifest: Mapping[str, object],
) -> dict[str, bytes]:
    listed = manifest.get("entries")
    if not isinstance(listed, dict):
        raise _broken(path, f"a table of entries in {_MANIFEST}", f"{type(listed).__name__}")
    differing = sorted(set(infos) - {_MANIFEST} ^ set(listed))
    if differing:
        raise _broken(path, "the entries of the manifest", f"a difference in {differing[0]!r}")
    entries = {}
    for name, facts in sorted(listed.items()):
        data = archive.read(name)
        found = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if facts != found:
            raise _broken(path, f"{name} as hashed in the manifest", "other content")
        entries[name] = data
    return entries


def _broken(path: Path, expected: str, found: str) -> BundleError:
    return BundleError(str(path), expected=expected, found=found, hint=_HINT)
