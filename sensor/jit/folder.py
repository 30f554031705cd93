"""The private folder that keeps machine code between runs.

Machine code is run as it is found, so it must be ours and it must be right:

- The folder and the one above it belong to the user, and nobody else may write there; so every
  file inside is the user's own. Both are held open: what was checked is what is read.
- The folder's name is a digest of all that the code comes from: every source of the layers that
  compile or give constants, the versions of what compiles, Numba's settings, and the processor, so
  that unlike machines may share a home.
- Each file begins with a digest of the rest: damage is a miss, and a miss compiles.
"""

from __future__ import annotations

import functools
import itertools
import os
import platform
import re
import shutil
import stat
import sys
import uuid
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from sensor.errors import ConfigError

LAYERS = ("capture", "decode", "jit", "schema", "track", "wire")
MODULES = ("errors.py",)
# What turns sources into machine code; found by their files, because importing them takes long.
_COMPILERS = ("llvmlite", "numba", "numpy")
# Lines of /proc/cpuinfo that tell one processor from another, on x86 and on ARM.
_TRAITS = {
    *("vendor_id", "cpu family", "model", "model name", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features"),
}
_APPLICATION = "v6tunnel-sensor"
_PACKAGE = str(Path(__file__).parents[1])
# Folders left in place when one is made: a few Pythons times a few states of the sources.
KEPT_FOLDERS = 8
_DIGEST = re.compile("[0-9a-f]{32}")
_SEAL_LENGTH = sha256().digest_size


class Folder:
    """The cache folder of one digest, checked and held open."""

    def __init__(self, base: str, digest: str) -> None:
        self.digest = digest
        os.makedirs(base, 0o700, exist_ok=True)
        above, _ = _enter(os.path.join(base, _APPLICATION), None)
        try:
            self._place, new = _enter(os.path.join(base, _APPLICATION, digest), above)
            if new:
                _prune(above)
        finally:
            os.close(above)

    def read(self, name: str) -> bytes | None:
        """What was written under this name; None if it is missing or damaged."""
        try:
            place = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._place)
            with open(place, "rb") as file:
                seal, data = file.read(_SEAL_LENGTH), file.read()
        except OSError:
            return None
        return data if sha256(data).digest() == seal else None

    def write(self, name: str, data: bytes) -> None:
        """Whole or not at all, however many processes write it."""
        draft = f"{name}.{uuid.uuid4().hex}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            with open(os.open(draft, flags, 0o600, dir_fd=self._place), "wb") as file:
                file.write(sha256(data).digest() + data)
            os.replace(draft, name, src_dir_fd=self._place, dst_dir_fd=self._place)
        except OSError:
            with suppress(OSError):
                os.unlink(draft, dir_fd=self._place)
            raise


def base_folder() -> str:
    """XDG base directories: a relative XDG_CACHE_HOME counts as none."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.cache")
    if not os.path.isabs(base):
        raise FileNotFoundError(0, "no home directory")
    return base


@functools.cache
def sources() -> frozenset[str]:
    """Every file that compiled code, or a constant in it, may come from, by its path here.

    Walked without Path, which takes several times as long: this is a part of every start.
    """
    above = len(_PACKAGE) + 1
    folders = (found for layer in LAYERS for found in os.walk(os.path.join(_PACKAGE, layer)))
    files = (os.path.join(place, name) for place, _, names in folders for name in names)
    return frozenset(path[above:] for path in files if path.endswith(".py")).union(MODULES)


def digest() -> str:
    """A name that changes with anything that compiled code depends on."""
    found = sha256()
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    compilers = [_version(name) for name in _COMPILERS]
    found.update(
        repr((sys.version, sys.flags.optimize, settings, compilers, _processor())).encode()
    )
    for path in sorted(sources()):
        with open(os.path.join(_PACKAGE, path), "rb") as file:
            data = file.read()
        found.update(repr((path, len(data))).encode() + data)
    return found.hexdigest()[:32]


def _version(name: str) -> bytes:
    """The file in which a package holds its version, without importing it."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    name = "version.py" if name == "numpy" else "_version.py"
    return (Path(spec.origin).parent / name).read_bytes()


def _processor() -> list[str]:
    """What the first processor is and can do."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = itertools.takewhile(str.strip, file)
            return [line for line in lines if line.partition(":")[0].strip() in _TRAITS]
    except OSError:
        return list(platform.uname())


def _enter(path: str, above: int | None) -> tuple[int, bool]:
    """Open a folder, made if missing (then True); ConfigError if it is not the user's alone.

    ``above`` is the open folder that ``path`` lies in. The base has none and is not checked: who
    may write there can put another folder in this one's place, which is then refused.
    """
    name = path if above is None else os.path.basename(path)
    new = False
    try:
        place = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=above)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another process was faster
            os.mkdir(name, 0o700, dir_fd=above)
            new = True
        place = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=above)
    fault = _fault(os.fstat(place))
    if fault:
        os.close(place)
        raise ConfigError(
            f"{path} {fault}, and compiled code in it would be run: "
            "remove it, or set XDG_CACHE_HOME to a folder of your own"
        )
    return place, new


def _fault(found: os.stat_result) -> str:
    """What keeps a folder from being the user's alone; empty if nothing does."""
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link"
    if not stat.S_ISDIR(found.st_mode):
        return "is no folder"
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}, not to user {os.geteuid()}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "may be written by others"
    return ""


def _prune(above: int) -> None:
    """Remove the oldest folders of other digests."""
    place = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=above)
    try:
        ages = {}
        for name in filter(_DIGEST.fullmatch, os.listdir(place)):
            with suppress(FileNotFoundError):  # another process prunes
                ages[name] = os.stat(name, dir_fd=place, follow_symlinks=False).st_mtime_ns
        for name in sorted(ages, key=ages.__getitem__, reverse=True)[KEPT_FOLDERS:]:
            shutil.rmtree(name, ignore_errors=True, dir_fd=place)
    finally:
        os.close(place)
