"""Compiled functions, and the private folder that keeps their machine code between runs.

Machine code is run as it is found, so it must be ours and it must be right:

- The folder and the one above it belong to the user, and nobody else may write there; so every
  file inside is the user's own. Both are held open: what was checked is what is read.
- The folder's name is a digest of all that the code comes from: every source of the layers that
  compile or give constants, the versions of what compiles, and Numba's settings. A file's name
  adds the function, its argument types and the CPU, so that unlike machines may share a home.
- Each file begins with a digest of the rest: damage is a miss, and a miss compiles.

Numba's own cache would notice a change of one source file alone, and unpickle whatever it finds.
NUMBA_CACHE_DIR is therefore not followed; XDG_CACHE_HOME is.
"""

from __future__ import annotations

import functools
import os
import pickle
import re
import shutil
import stat
import sys
import uuid
import warnings
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from sensor.errors import ConfigError

_NUMBA_FILE = ".numba_config.yaml"
if os.path.exists(_NUMBA_FILE):
    # Numba would read it, and the folder may have come with someone's captures: one line in it
    # takes the bounds checks away.
    raise ConfigError(
        f"{os.path.abspath(_NUMBA_FILE)} would change how packets are decoded: "
        "remove it, or start from another folder"
    )

import llvmlite  # noqa: E402
import numba  # noqa: E402
import numpy  # noqa: E402
from llvmlite.ir import Constant, FunctionType, IntType, VoidType  # noqa: E402
from numba.core import serialize, types  # noqa: E402
from numba.core.compiler import CompileResult  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

_Function = TypeVar("_Function", bound=Callable[..., Any])

LAYERS = ("capture", "decode", "schema", "track", "wire")
MODULES = ("errors.py", "jit.py")
_APPLICATION = "v6tunnel-sensor"
# Folders left in place when one is made: a few Pythons times a few states of the sources.
KEPT_FOLDERS = 8
_DIGEST = re.compile("[0-9a-f]{32}")
_SEAL_LENGTH = sha256().digest_size


def compiled(function: _Function) -> _Function:
    """Compile with bounds checks, without the GIL, C arithmetic; kept in the cache folder.

    Such a function takes and returns numbers, rows and arrays, and makes no array itself.

    Kept is what the digest covers: functions of the layers above, at the top of their module. Any
    other is compiled in each process. NUMBA_DISABLE_JIT=1 gives the function as it is.
    """
    if numba.config.DISABLE_JIT:
        return function
    # Nobody calls these from C: without that entry an eighth of the compiling is saved. None may
    # allocate: without reference counts (nrt) they run half as long.
    made = numba.njit(
        boundscheck=True, nogil=True, error_model="numpy", no_cfunc_wrapper=True, _nrt=False
    )(function)
    covered = not function.__closure__ and Path(function.__code__.co_filename) in sources()
    folder = _folder() if covered else None
    if folder is not None:
        made._cache = Kept(function, folder)
    typed: _Function = made
    return typed


# What compiled code may do and Python may not; uncompiled, they do nothing.


def _no_prefetch(array: Any, index: int, word: int) -> None: ...


def _same(array: Any) -> Any:
    return array


@intrinsic  # type: ignore[untyped-decorator]
def _prefetch(_: Any, array: Any, index: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start = args[0]
        if isinstance(signature.args[0], types.Array):
            start = context.make_array(signature.args[0])(context, builder, value=start).data
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        octet = builder.mul(args[1], Constant(args[1].type, size))
        octet = builder.add(octet, builder.mul(args[2], Constant(args[2].type, 8)))
        start = builder.bitcast(start, IntType(8).as_pointer())
        flags = [Constant(IntType(32), value) for value in (0, 3, 1)]  # to read, soon, data
        kind = FunctionType(VoidType(), [start.type] + [flag.type for flag in flags])
        function = builder.module.declare_intrinsic("llvm.prefetch", [start.type], kind)
        builder.call(function, [builder.gep(start, [octet]), *flags])
        return context.get_dummy_value()

    return types.none(array, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _pointer_to(_: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, value=args[0]).data

    pointer: Any = types.CPointer  # type: ignore[attr-defined]
    return pointer(array.dtype)(array), generate


# prefetch(array, index, word): ask for a line of the cache, the one that holds that word of eight
# octets of an element. A hint: an address that is none does no harm.
prefetch: Any = _no_prefetch if numba.config.DISABLE_JIT else _prefetch
# pointer_to(array): its elements without their number: nothing is checked.
pointer_to: Any = _same if numba.config.DISABLE_JIT else _pointer_to


class Kept:
    """The machine code of one function: what Numba's dispatcher asks of a cache."""

    def __init__(self, function: Callable[..., Any], folder: Folder) -> None:
        self._folder = folder
        code = function.__code__
        self._function = (function.__module__, function.__qualname__, code.co_firstlineno)

    def load_overload(self, signature: object, target: Any) -> Any:
        data = self._folder.read(self.name(signature, target.codegen()))
        if data is None:
            _tell_compiling()
            return None
        return CompileResult._rebuild(target, *pickle.loads(data))

    def save_overload(self, signature: object, result: Any) -> None:
        if result.typing_context.callstack:
            return  # Compiled for a caller, whose code will hold all of it.
        if result.library.has_dynamic_globals:
            warnings.warn(f"{self._function} holds a large array: never kept", stacklevel=2)
            return
        if digest() != self._folder.digest:
            return  # A source was edited since the start: nobody knows which state was loaded.
        data = serialize.dumps(result._reduce())
        try:
            self._folder.write(self.name(signature, result.codegen), data)
        except OSError as error:
            _tell_not_kept(error)

    def name(self, signature: object, codegen: Any) -> str:
        key = (self._folder.digest, self._function, signature, codegen.magic_tuple())
        return sha256(repr(key).encode()).hexdigest()


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


@functools.cache
def _folder() -> Folder | None:
    """The folder of this process; None, and a word to the person, where none can be had."""
    try:
        return Folder(_base(), digest())
    except OSError as error:
        _tell_not_kept(error)
        return None


def _base() -> str:
    """XDG base directories: a relative XDG_CACHE_HOME counts as none."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.cache")
    if not os.path.isabs(base):
        raise FileNotFoundError(0, "no home directory")
    return base


@functools.cache
def sources() -> frozenset[Path]:
    """Every file that compiled code, or a constant in it, may come from."""
    package = Path(__file__).parent
    found = {path for layer in LAYERS for path in (package / layer).rglob("*.py")}
    return frozenset(found | {package / name for name in MODULES})


def digest() -> str:
    """A name that changes with anything that compiled code depends on, the CPU aside."""
    found = sha256()
    package = Path(__file__).parent
    versions = (sys.version, numba.__version__, llvmlite.__version__, numpy.__version__)
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    found.update(repr((versions, sys.flags.optimize, settings)).encode())
    for path in sorted(sources()):
        data = path.read_bytes()
        found.update(repr((str(path.relative_to(package)), len(data))).encode() + data)
    return found.hexdigest()[:32]


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


def _tell_compiling() -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        _tell("compiling for this machine, once: a minute or two")


def _tell_not_kept(error: OSError) -> None:
    _tell(
        f"compiled code cannot be kept ({error.strerror}), so that every start compiles for a "
        "minute or two: set XDG_CACHE_HOME to a folder of your own"
    )


@functools.cache
def _tell(text: str) -> None:
    """On standard error, once."""
    if sys.stderr is not None:
        print(f"sensor: {text}", file=sys.stderr, flush=True)
