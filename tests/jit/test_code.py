"""Machine code is built once, never stale, and called with what it was compiled for."""

from __future__ import annotations

import errno
import os
import pty
import random
import signal
import time
from pathlib import Path

import pytest

from sensor.errors import SensorError
from sensor.jit.code import Executable
from tests.jit.project import COMPLAINT, KERNEL, PROGRAM, Project

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_machine_code_is_kept_between_runs(project: Project) -> None:
    assert project.run() == "18 built"
    kept = [(path, path.stat().st_ino) for path in project.kept()]
    assert len(kept) == 1  # what Python calls; it holds what that calls
    assert project.run() == "18 kept"
    assert [(path, path.stat().st_ino) for path in project.kept()] == kept


def test_the_same_sources_elsewhere_share_it(project: Project) -> None:
    project.run()
    project.folder = project.folder.rename(project.folder.with_name("moved"))
    assert project.run(PYTHONPATH=str(project.folder)) == "18 kept"


@pytest.mark.parametrize(
    ("name", "old", "new", "result"),
    [("schema/words.py", "16", "32", "34"), ("decode/kernel.py", "2 *", "4 *", "20")],
)
def test_a_changed_source_never_meets_stale_code(
    name: str, old: str, new: str, result: str, project: Project
) -> None:
    project.run()
    source = project.folder / "sensor" / name
    before = source.stat()
    source.write_text(source.read_text().replace(old, new))
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = source.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert project.run() == f"{result} built"
    assert project.run() == f"{result} kept"


def test_a_source_edited_while_it_runs_leaves_nothing_behind(project: Project) -> None:
    program = """
from sensor.decode.kernel import limit
from sensor.errors import SensorError
from sensor.schema import words
open(words.__file__, 'a').write('# edited')
try:
    limit(1)
except SensorError as error:
    print(error)
"""
    assert project.run(program) == "the sensor was changed while it started: start it again"
    assert project.kept() == []
    assert project.run() == "18 built"


@pytest.mark.parametrize("setting", ["NUMBA_BOUNDSCHECK", "PYTHONOPTIMIZE"])
def test_code_compiled_otherwise_is_not_run(setting: str, project: Project) -> None:
    project.run()
    assert project.run(**{setting: "1"}) == "18 built"
    assert project.run() == "18 kept"


def test_without_jit_the_function_stays_as_it_is(project: Project) -> None:
    program = "from sensor.decode.kernel import limit; print(limit(1), type(limit).__name__)"
    assert project.run(program, NUMBA_DISABLE_JIT="1") == "18 function"
    assert not project.cache.exists()


def test_numbas_own_cache_folder_is_not_used(project: Project, tmp_path: Path) -> None:
    assert project.run(NUMBA_CACHE_DIR=str(tmp_path / "numba")) == "18 built"
    assert not (tmp_path / "numba").exists()
    assert len(project.kept()) == 1


def test_what_the_digest_does_not_cover_is_not_kept(project: Project) -> None:
    (project.folder / "elsewhere.py").write_text(KERNEL)
    program = PROGRAM.replace("sensor.decode.kernel", "elsewhere")
    assert project.run(program) == "18 built"
    assert project.kept() == []
    (project.folder / "elsewhere.py").write_text(KERNEL.replace("2 *", "3 *"))
    assert project.run(program) == "19 built"


def test_settings_that_lie_beside_captures_change_nothing(project: Project) -> None:
    (project.folder / ".numba_config.yaml").write_text("boundscheck: 0\n")
    reads_behind = KERNEL.replace("LIMIT + twice(count)", "LIMIT + array[count]")
    reads_behind = reads_behind.replace("lambda: (0,)", "lambda: (0, np.zeros(1, np.int64))")
    reads_behind = reads_behind.replace("limit(count)", "limit(count, array)")
    (project.folder / "sensor/decode/kernel.py").write_text("import numpy as np" + reads_behind)
    program = """
from sensor.decode.kernel import limit, np
array = np.ones(2, np.int64)
print(limit(1, array))
try:
    limit(2, array)
except IndexError as error:
    print(error)
"""
    assert project.run(program) == "17\nlimit left an array (status 1)"


def test_two_processes_may_compile_at_once(project: Project) -> None:
    wait = "import sys, sensor.decode.kernel\nprint('ready', flush=True)\nsys.stdin.read()\n"
    running = [project.start(wait + PROGRAM) for _ in range(2)]
    assert [process.stdout and process.stdout.readline() for process in running] == ["ready\n"] * 2
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    for out, err in [process.communicate() for process in running]:
        assert (out.split()[0], err) == ("18", "")
    assert len(project.kept()) == 1  # and no draft of either
    assert project.run() == "18 kept"


def test_damaged_files_are_compiled_anew(project: Project, seed: int) -> None:
    project.run()
    noise = random.Random(seed)
    for path in project.kept():
        path.write_bytes(noise.randbytes(path.stat().st_size))
    assert project.run() == "18 built"
    assert project.run() == "18 kept"


def test_a_refusal_reaches_whoever_imports(project: Project) -> None:
    project.cache.mkdir()
    (project.cache / "v6tunnel-sensor").symlink_to(project.folder)
    out, err = project.start().communicate()
    assert out == ""
    assert "sensor.errors.ConfigError: " in err
    assert "is a symbolic link" in err


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"XDG_CACHE_HOME": "/dev/null/cache"}, "Not a directory"),
        ({"XDG_CACHE_HOME": "", "HOME": "/proc"}, "No such file or directory"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "nowhere"}, "no home directory"),
    ],
)
def test_without_a_place_to_write_it_compiles_and_says_so_once(
    environment: dict[str, str], reason: str, project: Project
) -> None:
    out, err = project.start(**environment).communicate()
    assert out == "18 built\n"
    assert err == (
        f"sensor: compiled code cannot be kept ({reason}), so that every start compiles for a "
        "minute or two: set XDG_CACHE_HOME to a folder of your own\n"
    )


def test_a_folder_that_vanishes_costs_time_alone(project: Project) -> None:
    program = "import os, shutil\nfrom sensor.jit.code import _folder\n_folder()\n"
    program += "shutil.rmtree(os.environ['XDG_CACHE_HOME'])\n"
    out, err = project.start(program + PROGRAM).communicate()
    assert out == "18 built\n"
    assert err.count("cannot be kept (No such file or directory)") == err.count("\n") == 1


def test_a_terminal_is_told_of_the_wait_once(project: Project) -> None:
    terminal, end = pty.openpty()
    for expected in ("18 built", "18 kept"):
        assert project.start(PROGRAM, end).communicate()[0].strip() == expected
    os.close(end)
    told = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert told == "sensor: compiling for this machine, once: a minute or two\r\n"


def test_a_builder_that_fails_is_told(project: Project) -> None:
    source = project.folder / "sensor/decode/kernel.py"
    source.write_text(KERNEL.replace("LIMIT + twice(count)", "str(count)"))
    told = project.run(COMPLAINT)
    assert told.startswith("sensor.decode.kernel cannot be compiled for this machine (exit 1): ")
    assert "str(count)" in told
    assert project.kept() == []


def test_modules_are_built_at_once_and_named_once(project: Project) -> None:
    (project.folder / "sensor/decode/other.py").write_text(KERNEL.replace("2 *", "3 *"))
    program = """
from sensor.jit import load
from sensor.decode import kernel, other
load(kernel.__name__, other.__name__, kernel.__name__)
print(kernel.limit(2), other.limit(2))
"""
    assert project.run(program) == "20 22"
    assert [path.name for path in project.kept()] == ["sensor.decode.kernel", "sensor.decode.other"]


def test_builders_end_with_whoever_waits_for_them(project: Project) -> None:
    source = project.folder / "sensor/decode/kernel.py"
    source.write_text(KERNEL + "\nimport os, sys, time\nif 'numba' in sys.modules:\n")
    with source.open("a") as file:
        file.write("    open('builder', 'w').write(str(os.getpid()))\n    time.sleep(600)\n")
    process = project.start("import sensor.decode.kernel as kernel\nkernel.limit(1)\n")
    named = project.folder / "sensor/jit/builder"
    while not (named.exists() and named.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert errors.rstrip().endswith("KeyboardInterrupt")
    with pytest.raises(ProcessLookupError):
        os.kill(int(named.read_text()), 0)


def test_a_system_that_forbids_machine_code_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "memfd_create", forbid)
    with pytest.raises(
        SensorError, match=r"\(Permission denied\): allow it, or set NUMBA_DISABLE_JIT=1"
    ):
        Executable(b"\xc3", {})


def test_a_build_that_fails_once_is_tried_again(project: Project) -> None:
    source = project.folder / "sensor/decode/kernel.py"
    fails_first = "\nimport os, sys\nif 'numba' in sys.modules and not os.path.exists('failed'):\n"
    fails_first += "    open('failed', 'w').close()\n    sys.exit(3)\n"
    source.write_text(KERNEL + fails_first)
    assert project.run() == "18 built"
    assert (project.folder / "sensor/jit/failed").exists()
    assert project.run() == "18 kept"
