"""The shape of the package, read from its syntax trees: who may import whom, and how much."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sensor"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# What each layer may import of ours, as dotted prefixes; a layer may always import itself.
LAW: dict[str, set[str]] = {
    "": set(),  # sensor/__init__.py
    "errors": set(),
    "schema": set(),
    "jit": {"errors"},
    "data": {"errors"},
    "wire": {"errors", "schema"},
    "capture": {"schema", "wire", "errors", "jit"},
    "decode": {"schema", "wire", "errors", "jit", "capture.batch"},
    "track": {"schema", "wire", "errors", "jit"},
    "detect": {"track", "schema", "errors"},
    "lab": {"wire", "capture.writer", "schema", "errors"},
    "emit": {"schema", "wire", "errors"},
    "store": {"schema", "wire", "errors"},
    "inspect": {"schema", "wire", "capture", "errors"},
    "elastic": {"schema", "errors", "store", "emit"},
    "suricata": {"schema", "wire", "errors", "detect"},
    "kibana": {"schema", "errors", "detect"},
}
FREE = {"ahead", "config", "frames", "pipeline", "workers", "prove", "cli", "__main__"}

# Codecs are pure: no files, sockets, clocks or chance. socket is here for its address texts alone.
WIRE_MODULES = {
    "__future__",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "ipaddress",
    "itertools",
    "socket",
    "struct",
    "typing",
}
WIRE_SOCKET_NAMES = {"AF_INET", "AF_INET6", "inet_ntop", "inet_pton"}

# Endpoints and networks of the laboratory are sans-IO: chance is a Random that they are given.
SANS_IO_NAMES = (
    *("machine.py", "network/"),
    *("inner/", "teredo/", "sixinfour/", "gre/", "brokers/", "framing/", "deviants/"),
)
SANS_IO = tuple(f"sensor/lab/{name}" for name in SANS_IO_NAMES)
SANS_IO_MODULES = WIRE_MODULES - {"socket"} | {"abc", "heapq", "random"}
SANS_IO_RANDOM = "random.Random"

HEAVY = {"elasticsearch", "numba", "numpy", "pyshark", "rich", "yaml"}
MAX_LINES = 700
# A compiled walk over one flat state, read from top to bottom beside its scalar twin: spread over
# files, it would be hard to see which function owns which part of that state.
LONG_BY_DESIGN = {"sensor/track/table.py"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    """Every dotted name that ``source`` imports, wherever in it and however written.

    ``from a import b`` gives ``a.b``: b may be a module. A name only known when the code runs
    gives ``?``.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, is_package=is_package)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            yield _constant(node)


def _absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _constant(node: ast.Call) -> str:
    name = node.args[0] if node.args else None
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else "?"


def broken_law(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """The imports of one module of ours that its layer is not allowed."""
    layer = module.split(".")[1] if "." in module else ""
    if layer in FREE:
        return []
    names = set(imported(source, module, is_package=is_package))
    return sorted(name for name in names if not _lawful(name, layer))


def _lawful(name: str, layer: str) -> bool:
    if name == "?":
        return False
    top, _, inner = name.partition(".")
    # The package itself holds its version and nothing else.
    if top != "sensor" or inner in {"", "__version__"}:
        return True
    return any(f"{inner}.".startswith(f"{prefix}.") for prefix in {layer, *LAW[layer]})


def impure(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What a codec imports, or uses of socket, beyond what is pure."""
    names = {
        name
        for name in imported(source, module, is_package=is_package)
        if name.split(".")[0] not in WIRE_MODULES | {"sensor"}
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "socket":
            names |= {f"socket.{a.name}" for a in node.names} - _allowed_socket()
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "socket":
            names |= {f"socket.{node.attr}"} - _allowed_socket()
    return sorted(names)


def _allowed_socket() -> set[str]:
    return {f"socket.{name}" for name in WIRE_SOCKET_NAMES}


def outside_the_machine(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What an endpoint uses of the world around it: its clock, sockets, files or common chance."""
    names = {
        name
        for name in imported(source, module, is_package=is_package)
        if name.split(".")[0] not in SANS_IO_MODULES | {"sensor"}
        or (name.split(".")[0] == "random" and name != SANS_IO_RANDOM)
    }
    called = {
        _called(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return sorted(names | called & {"input", "open", "print"})


def undocumented(source: str) -> list[str]:
    """Public functions of a module that have no docstring."""
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]


def layer_sources(*layers: str) -> list[Path]:
    return [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] in layers]


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    is_package = path.name == "__init__.py"
    assert broken_law(path.read_text(), module_name(path), is_package=is_package) == []


def test_every_layer_has_its_line_in_the_law() -> None:
    layers = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    layers |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert layers - LAW.keys() - FREE == set()


@pytest.mark.parametrize("path", layer_sources("wire"), ids=label)
def test_codecs_are_pure(path: Path) -> None:
    is_package = path.name == "__init__.py"
    assert impure(path.read_text(), module_name(path), is_package=is_package) == []


@pytest.mark.parametrize(
    "path", [path for path in layer_sources("lab") if label(path).startswith(SANS_IO)], ids=label
)
def test_endpoints_own_no_socket_clock_or_chance(path: Path) -> None:
    is_package = path.name == "__init__.py"
    assert outside_the_machine(path.read_text(), module_name(path), is_package=is_package) == []


@pytest.mark.parametrize("path", layer_sources("wire", "decode"), ids=label)
def test_public_functions_of_codecs_and_decoders_are_documented(path: Path) -> None:
    assert undocumented(path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_no_file_is_too_long_to_read(path: Path) -> None:
    long = len(path.read_text().splitlines()) > MAX_LINES
    assert not long or label(path) in LONG_BY_DESIGN


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], HEAVY),
        (["explain", "2001:0:4136:e378:8000:63bf:3fff:fdd2"], {"llvmlite", "numba"}),
        (["config", "show"], {"llvmlite", "numba"}),
        # Their code is built by processes of their own, where it is missing.
        (["replay", "sensor/data/demo.pcap"], {"llvmlite", "numba", "yaml"}),
        (["decode", "sensor/data/demo.pcap"], {"llvmlite", "numba", "rich", "yaml"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_needs_nothing_heavy_loads_nothing_heavy(
    arguments: list[str], heavy: set[str]
) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "sensor", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"^import time:.*\| +(\w+)$", done.stderr, re.MULTILINE))
    assert "click" in loaded
    assert loaded & heavy == set()


@pytest.mark.parametrize(
    ("module", "source", "broken"),
    [
        ("sensor.wire.x", "import sensor.decode.y", ["sensor.decode.y"]),
        ("sensor.wire.x", "from sensor import decode", ["sensor.decode"]),
        ("sensor.wire.x", "from ..decode import y", ["sensor.decode.y"]),
        ("sensor.wire.x", "from .. import track", ["sensor.track"]),
        ("sensor.wire.x", "def f():\n    import sensor.cli", ["sensor.cli"]),
        ("sensor.wire.x", "import importlib as i\ni.import_module('sensor.cli')", ["sensor.cli"]),
        ("sensor.wire.x", "__import__('sensor.' + name)", ["?"]),
        ("sensor.errors", "from sensor.schema import words", ["sensor.schema.words"]),
        ("sensor.decode.x", "from sensor.capture.files import f", ["sensor.capture.files.f"]),
        ("sensor.decode.x", "from sensor.capture.batches import f", ["sensor.capture.batches.f"]),
        ("sensor", "from sensor.cli import main", ["sensor.cli.main"]),
        ("sensor.wire.x", "from sensor.jit import compiled", ["sensor.jit.compiled"]),
        ("sensor.jit", "from sensor.schema import words", ["sensor.schema.words"]),
        ("sensor.decode.x", "from sensor.capture.batch import FrameBatch", []),
        ("sensor.decode.x", "from sensor.jit import compiled", []),
        ("sensor.wire.x", "from . import cursor\nfrom .cursor import Cursor", []),
        ("sensor.wire.x", "from ..errors import DecodeError\nfrom sensor import __version__", []),
        ("sensor.cli.x", "from sensor.pipeline import run", []),
    ],
)
def test_the_law_is_enforced(module: str, source: str, broken: list[str]) -> None:
    assert broken_law(source, module) == broken


def test_a_package_counts_its_relative_imports_from_itself() -> None:
    source = "from . import a\nfrom .. import decode"
    names = set(imported(source, "sensor.wire", is_package=True))
    assert names == {"sensor.wire.a", "sensor.decode"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", ["time"]),
        ("from random import Random", ["random.Random"]),
        ("from socket import socket", ["socket.socket"]),
        ("import socket\ns = socket.create_connection", ["socket.create_connection"]),
        ("import socket\nt = socket.inet_ntop(socket.AF_INET6, b)", []),
        ("import struct\nfrom sensor.errors import DecodeError", []),
    ],
)
def test_impure_codecs_are_caught(source: str, found: list[str]) -> None:
    assert impure(source, "sensor.wire.x") == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", ["time"]),
        ("from time import monotonic", ["time.monotonic"]),
        ("import random\nx = random.random()", ["random"]),
        ("from random import SystemRandom", ["random.SystemRandom"]),
        ("from os import urandom", ["os.urandom"]),
        ("def f():\n    import secrets", ["secrets"]),
        ("print(open('x'))", ["open", "print"]),
        ("from random import Random\nimport hmac\nfrom sensor.wire import ipv6", []),
    ],
)
def test_endpoints_that_reach_for_the_world_are_caught(source: str, found: list[str]) -> None:
    assert outside_the_machine(source, "sensor.lab.teredo.x") == found


def test_missing_docstrings_are_caught() -> None:
    source = 'def a():\n    "text"\n\ndef b(): ...\n\ndef _c(): ...\n'
    assert undocumented(source) == ["b"]


# Modules without a test file of their own, and where they are tested. The list only shrinks.
TESTED_ELSEWHERE = {
    "__main__.py": "every command that tests run in a process of its own",
    "errors.py": "holds no logic but the texts that tests of capture/ and wire/ compare",
    "cli/streams.py": "tests/cli/test_decode.py and test_replay.py",
    "cli/subjects.py": "tests/cli/test_explain.py",
    "config/nodes.py": "tests/test_config.py",
    "config/schema.py": "tests/test_config.py",
    "config/shapes.py": "tests/test_config.py",
    "decode/decoded.py": "holds no logic",
    "decode/settings.py": "holds no logic",
    "emit/bodies.py": "tests/emit/test_ecs.py, by golden documents",
    "emit/parts.py": "tests/emit/test_ecs.py, by golden documents",
    "emit/related.py": "tests/emit/test_ecs.py, by golden documents",
    "emit/networks.py": "tests/emit/test_explain.py",
    "lab/brokers/settings.py": "tests/lab/brokers/test_ayiya.py and test_tsp.py",
    "lab/framing/settings.py": "tests/lab/framing/test_l2tp.py and its neighbours",
    "lab/gre/settings.py": "tests/lab/gre/test_endpoint.py",
    "lab/machine.py": "every test of tests/lab/ drives machines",
    "lab/sixinfour/settings.py": "tests/lab/sixinfour/test_peer.py and its neighbours",
    "lab/teredo/settings.py": "tests/lab/teredo/test_client.py and its neighbours",
    "lab/teredo/style.py": "holds no logic",
    "schema/records.py": "holds no logic",
    "store/latest.py": "tests/store/test_sqlite.py",
    "track/interface.py": "holds no logic; mypy holds both tables to it",
}


# Parts of one compiled function, which tests/decode/test_kernel.py compares with its specification.
IN_ONE_PIECE = Path("decode/compiled")


def test_tests_mirror_the_tree() -> None:
    modules = {path.relative_to(ROOT / "sensor") for path in (ROOT / "sensor").rglob("*.py")}
    bare = {
        path.as_posix()
        for path in modules
        if path.name != "__init__.py"
        and path.parent != IN_ONE_PIECE
        and not (ROOT / "tests" / path.parent / f"test_{path.name}").is_file()
    }
    assert bare == set(TESTED_ELSEWHERE)
