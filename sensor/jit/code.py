"""The machine code of a module's entries: kept or built, then loaded and called."""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import sys
import threading
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sensor.errors import SensorError
from sensor.jit.folder import Folder, base_folder, digest, sources

# What a builder runs, with this process's path and the name of a module. It stands in the folder of
# the package: Numba reads settings where it stands, and elsewhere they may have come with captures.
_BUILD = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from sensor.jit import build
entries = build.start()
__import__(sys.argv[2])
build.finish(entries, sys.argv[2])
"""
DISABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
# Forms of machine code: one that runs as it is, one that must be linked.
IMAGE, OBJECT = "image", "object"
# Machine code must fit the sources that this process has read: all but few are read after this one.
_AT_START = digest()
_HERE = Path(__file__).parent
_LINES_TOLD = 8  # of what a builder that fails has said


class Code:
    """The loaded entries of one module, from what ``build`` made."""

    def __init__(self, data: bytes) -> None:
        head, _, machine = data.partition(b"\n")
        form, *described = head.decode().split(" ")
        entries = [entry.split(",") for entry in described]
        self._words = {name: (int(taken), int(given)) for name, taken, given, _ in entries}
        if form == IMAGE:
            places = {name: int(place) for name, _, _, place in entries}
            self._memory: Any = Executable(machine, places)
        else:
            self._memory = _linked(machine)

    def function(self, name: str) -> Callable[[list[int]], Any]:
        """The entry of that name, from the words of its arguments to its result."""
        taken, given = self._words[name]
        call = self._callable(name)
        # A word for the status, then the arguments, over which the result is written.
        more = [0] * (given - taken)

        def run(words: list[int]) -> Any:
            found = array("q", [0, *words, *more])
            call(found.buffer_info()[0])
            return _result(name, found, given)

        return run

    def bound(self, name: str, first: list[int], arrays: object) -> Callable[..., Any]:
        """The same with the words of its first arguments, to be called with the other words.

        It keeps the arrays that they lead to.
        """
        taken, given = self._words[name]
        call = self._callable(name)
        block = array("q", [0, *first, *[0] * (max(taken, given) - len(first))])
        place, behind = 1 + len(first), 1 + taken
        address, written = block.buffer_info()[0], array("q", first[:given])

        def run(*words: int) -> Any:
            if len(words) != behind - place:
                raise TypeError(f"{name} takes {behind - place} words more, not {len(words)}")
            block[1 : 1 + len(written)] = written
            block[place:behind] = array("q", words)
            call(address)
            return _result(name, block, given)

        run.arrays = arrays  # type: ignore[attr-defined]
        return run

    def _callable(self, name: str) -> Callable[[int], None]:
        return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._memory.get_function_address(name))


def _result(name: str, block: Any, given: int) -> Any:
    """What an entry has written over its words."""
    if block[0]:
        raise IndexError(f"{name} left an array (status {block[0]})")
    if given == 1:
        return block[1]
    return tuple(block[1 : 1 + given]) if given else None


def described(image: bool, entries: Iterable[tuple[str, int, int, int]]) -> bytes:
    """The first line of what ``Code`` reads: each entry's name, words taken and given, place."""
    words = [",".join(map(str, entry)) for entry in entries]
    return " ".join((IMAGE if image else OBJECT, *words)).encode() + b"\n"


class Executable:
    """Memory that holds an image of machine code; it is never writable and executable at once."""

    def __init__(self, code: bytes, places: dict[str, int]) -> None:
        try:
            self._memory = _mapped(code)
        except OSError as error:
            raise SensorError(
                f"this system lets no program make machine code ({error.strerror}): allow it, or "
                "set NUMBA_DISABLE_JIT=1, with which all takes hundreds of times as long"
            ) from None
        self._start = np.frombuffer(self._memory, dtype=np.uint8).ctypes.data
        self._places = places

    def get_function_address(self, name: str) -> int:
        return self._start + self._places[name]


def _mapped(code: bytes) -> mmap.mmap:
    place = os.memfd_create("machine code")
    with open(place, "r+b", buffering=0) as file:
        file.write(code)
        allowed = mmap.PROT_READ | mmap.PROT_EXEC
        return mmap.mmap(place, len(code), flags=mmap.MAP_PRIVATE, prot=allowed)


def _linked(machine: bytes) -> Any:
    """The same from an object file, by LLVM: where no image can be made."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    engine.add_object_file(llvm.ObjectFileRef.from_data(machine))
    engine.finalize_object()
    return engine


_loaded: dict[str, Code] = {}
_loading = threading.Lock()


def load(*modules: str) -> None:
    """Make sure that the code of these modules is there; what is missing is built, all at once.

    Where nothing is to be compiled, nothing is needed.
    """
    if DISABLED:
        return
    with _loading:
        missing = [module for module in modules if module not in _loaded]
        folders = {module: _folder() if _is_covered(module) else None for module in missing}
        found = {
            module: folder.read(module) if folder else None for module, folder in folders.items()
        }
        builders = {module: _Builder(module) for module, data in found.items() if data is None}
        if builders:
            _tell_compiling()
        try:
            for module, data in found.items():
                if data is None:
                    data = builders[module].finish() or builders[module].again()
                    _keep(folders[module], module, data)
                _loaded[module] = Code(data)
        finally:
            for builder in builders.values():
                builder.end()


def code_of(module: str) -> Code:
    load(module)
    return _loaded[module]


class _Builder:
    """A process that compiles one module."""

    def __init__(self, module: str) -> None:
        # Few runs need them.
        import json
        import subprocess

        self._module = module
        optimize = ["-O"] * sys.flags.optimize
        paths = [str(_HERE.parents[1]), *map(os.path.abspath, sys.path)]
        command = [sys.executable, *optimize, "-c", _BUILD, json.dumps(paths), module]
        pipe = subprocess.PIPE

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                command, cwd=_HERE, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
            )

        self._start = start
        self._process = self._start()

    def finish(self) -> bytes:
        """What it built; nothing where it failed."""
        data, self._errors = self._process.communicate()
        return b"" if self._process.returncode else bytes(data)

    def again(self) -> bytes:
        """Built by a second process, SensorError if that fails too.

        Of some hundred builds of the same source, each with another order of its sets, one failed.
        """
        self._process = self._start()
        data = self.finish()
        if not data:
            told = self._errors.decode(errors="replace").strip().splitlines()[-_LINES_TOLD:]
            raise SensorError(
                f"{self._module} cannot be compiled for this machine "
                f"(exit {self._process.returncode}): " + " | ".join(map(str.strip, told))
            )
        return data

    def end(self) -> None:
        """Nobody waits for it any more, if it is still at work."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()


def _is_covered(module: str) -> bool:
    """Whether the digest changes with its source: what changes unseen is built in each process."""
    package, _, path = module.partition(".")
    return package == _HERE.parent.name and path.replace(".", "/") + ".py" in sources()


def _keep(folder: Folder | None, module: str, data: bytes) -> None:
    if digest() != _AT_START:
        raise SensorError("the sensor was changed while it started: start it again")
    if folder is not None:
        try:
            folder.write(module, data)
        except OSError as error:
            _tell_not_kept(error)


@functools.cache
def _folder() -> Folder | None:
    """The folder of this process; None, and a word to the person, where none can be had."""
    try:
        return Folder(base_folder(), _AT_START)
    except OSError as error:
        _tell_not_kept(error)
        return None


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
