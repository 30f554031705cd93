"""Machine code is kept, never stale, and never taken from where others may write.

Most tests run a small package that holds the real jit.py, each time in a process of its own.
"""

from __future__ import annotations

import os
import pty
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sensor import jit
from sensor.errors import ConfigError
from tests.test_architecture import PACKAGE, SOURCES, imported, module_name

WORDS = "LIMIT = 16\n"
KERNEL = """
from sensor.jit import compiled
from sensor.schema.words import LIMIT

@compiled
def twice(count):
    return 2 * count

@compiled
def limit(count):
    return LIMIT + twice(count)
"""
# Prints the result, and "kept" if its machine code was found.
PROGRAM = """
from sensor.decode.kernel import limit
print(limit(1), "kept" if sum(limit._cache_hits.values()) else "compiled")
"""
NAME = "0" * 32


class Project:
    """The small package, and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.cache = folder / "cache"
        package = self.folder / "sensor"
        for path, text in {"schema/words.py": WORDS, "decode/kernel.py": KERNEL}.items():
            (package / path).parent.mkdir(parents=True)
            (package / path).write_text(text)
        for name in ("__init__.py", "errors.py", "jit.py"):
            shutil.copy(PACKAGE / name, package)
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")
        }
        # No .pyc: Python itself takes one for fresh whose source has kept its size and time.
        self.environment |= {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(self.folder),
            "XDG_CACHE_HOME": str(self.cache),
        }

    def start(
        self, program: str = PROGRAM, stderr: int = subprocess.PIPE, /, **environment: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, program: str = PROGRAM, /, **environment: str) -> str:
        """What it printed; nothing may be said on standard error."""
        out, err = self.start(program, **environment).communicate()
        assert err == ""
        return out.strip()

    def kept(self) -> list[Path]:
        return sorted(path for path in self.cache.rglob("*") if path.is_file())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_machine_code_is_kept_between_runs(project: Project) -> None:
    assert project.run() == "18 compiled"
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
    assert project.run() == f"{result} compiled"
    assert project.run() == f"{result} kept"


def test_a_source_edited_while_it_runs_leaves_nothing_behind(project: Project) -> None:
    edit = "from sensor.decode import kernel\nfrom sensor.schema import words\n"
    edit += "open(words.__file__, 'a').write('# edited')\n"
    assert project.run(edit + PROGRAM) == "18 compiled"
    assert project.kept() == []
    assert project.run() == "18 compiled"


def test_every_source_changes_the_digest(project: Project) -> None:
    """The real sources, one after the other, each with one octet changed in place."""
    shutil.rmtree(project.folder / "sensor")
    no_cache = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, project.folder / "sensor", ignore=no_cache)
    program = """
from sensor import jit
print(jit.digest())
for path in sorted(jit.sources()):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"#")
    print(jit.digest())
    path.write_bytes(data)
print(jit.digest())
"""
    first, *changed, last = project.run(program).split()
    assert first == last
    assert len({first, *changed}) == 1 + len(changed)
    copied = (project.folder / "sensor").rglob("*.py")
    covered = {*jit.LAYERS, *jit.MODULES}
    names = [path.relative_to(project.folder / "sensor").parts[0] for path in copied]
    assert len(changed) == sum(name in covered for name in names)


def test_the_digest_covers_whatever_compiled_modules_import() -> None:
    modules = {module_name(path): path for path in SOURCES}
    reached = {
        name
        for name, path in modules.items()
        if "sensor.jit.compiled" in imported(path.read_text(), name)
    }
    waiting = list(reached)
    while waiting:
        name = waiting.pop()
        path = modules[name]
        is_package = path.name == "__init__.py"
        for target in imported(path.read_text(), name, is_package=is_package):
            # ``from a import b`` runs a, and b where it is a module.
            found = {target, target.rpartition(".")[0]} & modules.keys() - reached
            reached |= found
            waiting += found
    assert {"sensor.jit", "sensor.errors"} < reached
    # The package's own file holds the version and no constant.
    assert {modules[name] for name in reached - {"sensor"}} - jit.sources() == set()


@pytest.mark.parametrize("setting", ["NUMBA_BOUNDSCHECK", "PYTHONOPTIMIZE"])
def test_code_compiled_otherwise_is_not_run(setting: str, project: Project) -> None:
    project.run()
    assert project.run(**{setting: "1"}) == "18 compiled"
    assert project.run() == "18 kept"


def test_code_for_one_cpu_is_not_run_on_another(tmp_path: Path) -> None:
    class Codegen:
        def __init__(self, cpu: str) -> None:
            self.cpu = cpu

        def magic_tuple(self) -> tuple[str, str]:
            return ("x86_64", self.cpu)

    kept = jit.Kept(lambda: None, jit.Folder(str(tmp_path), NAME))
    names = {kept.name("(int64,)", Codegen(cpu)) for cpu in ("zen5", "znver2", "zen5")}
    assert len(names) == 2


def test_without_jit_the_function_stays_as_it_is(project: Project) -> None:
    program = "from sensor.decode.kernel import limit; print(limit(1), type(limit).__name__)"
    assert project.run(program, NUMBA_DISABLE_JIT="1") == "18 function"
    assert not project.cache.exists()


def test_numbas_own_cache_folder_is_not_used(project: Project, tmp_path: Path) -> None:
    assert project.run(NUMBA_CACHE_DIR=str(tmp_path / "numba")) == "18 compiled"
    assert not (tmp_path / "numba").exists()
    assert len(project.kept()) == 1


def test_what_the_digest_does_not_cover_is_not_kept(project: Project) -> None:
    (project.folder / "elsewhere.py").write_text(KERNEL)
    program = PROGRAM.replace("sensor.decode.kernel", "elsewhere")
    assert project.run(program) == "18 compiled"
    assert not project.cache.exists()


def test_settings_that_lie_beside_captures_are_refused(project: Project) -> None:
    settings = project.folder / ".numba_config.yaml"
    settings.write_text("boundscheck: 0\n")
    program = "from sensor.errors import ConfigError\ntry:\n    import sensor.jit\n"
    program += "except ConfigError as error:\n    print(error)"
    assert project.run(program) == (
        f"{settings} would change how packets are decoded: remove it, or start from another folder"
    )


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
    assert project.run() == "18 compiled"
    assert project.run() == "18 kept"


def test_any_damage_is_noticed(tmp_path: Path) -> None:
    folder = jit.Folder(str(tmp_path), NAME)
    folder.write("code", b"machine code")
    assert folder.read("code") == b"machine code"
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    whole = path.read_bytes()
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + b"\0" + whole[place + 1 :]):
            path.write_bytes(damaged)
            assert folder.read("code") is None, f"octet {place}"


def test_a_file_that_is_a_link_counts_as_missing(tmp_path: Path) -> None:
    folder = jit.Folder(str(tmp_path), NAME)
    folder.write("code", b"machine code")
    (tmp_path / "v6tunnel-sensor" / NAME / "linked").symlink_to("code")
    assert folder.read("linked") is None


def test_a_folder_is_made_for_its_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        jit.Folder(str(tmp_path / "made"), NAME).write("code", b"machine code")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"made": 0o700, "v6tunnel-sensor": 0o700, NAME: 0o700, "code": 0o600}


@pytest.fixture(params=["v6tunnel-sensor", f"v6tunnel-sensor/{NAME}"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of a cache that was made before."""
    jit.Folder(str(tmp_path), NAME)
    return tmp_path / str(request.param)


def refusal(base: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        jit.Folder(str(base), NAME)
    return str(refused.value)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_is_refused(mode: int, folder: Path, tmp_path: Path) -> None:
    folder.chmod(mode)
    assert refusal(tmp_path) == (
        f"{folder} may be written by others, and compiled code in it would be run: "
        "remove it, or set XDG_CACHE_HOME to a folder of your own"
    )


def test_a_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "real")
    folder.symlink_to(tmp_path / "real")
    assert f"{folder} is a symbolic link" in refusal(tmp_path)


def test_a_file_in_the_folders_place_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder)
    folder.touch()
    assert f"{folder} is no folder" in refusal(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_someone_else_is_refused(folder: Path, tmp_path: Path) -> None:
    os.chown(folder, 65534, -1)
    assert f"{folder} belongs to user 65534, not to user 0" in refusal(tmp_path)


def test_a_refusal_reaches_whoever_imports(project: Project) -> None:
    project.cache.mkdir()
    (project.cache / "v6tunnel-sensor").symlink_to(project.folder)
    out, err = project.start().communicate()
    assert out == ""
    assert "sensor.errors.ConfigError: " in err
    assert "is a symbolic link" in err


def test_a_home_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "base").symlink_to("real")
    jit.Folder(str(tmp_path / "base"), NAME).write("code", b"machine code")
    assert (tmp_path / "real" / "v6tunnel-sensor" / NAME / "code").exists()


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
    assert out == "18 compiled\n"
    assert err == (
        f"sensor: compiled code cannot be kept ({reason}), so that every start compiles for a "
        "minute or two: set XDG_CACHE_HOME to a folder of your own\n"
    )


def test_a_folder_that_vanishes_costs_time_alone(project: Project) -> None:
    program = "from sensor.decode.kernel import limit\nimport os, shutil\n"
    program += "shutil.rmtree(os.environ['XDG_CACHE_HOME'])\n"
    out, err = project.start(program + PROGRAM).communicate()
    assert out == "18 compiled\n"
    assert err.count("cannot be kept (No such file or directory)") == err.count("\n") == 1


def test_a_terminal_is_told_of_the_wait_once(project: Project) -> None:
    terminal, end = pty.openpty()
    for expected in ("18 compiled", "18 kept"):
        assert project.start(PROGRAM, end).communicate()[0].strip() == expected
    os.close(end)
    told = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert told == "sensor: compiling for this machine, once: a minute or two\r\n"


def test_old_folders_go_when_a_new_one_is_made(tmp_path: Path) -> None:
    above = tmp_path / "v6tunnel-sensor"
    names = [f"{number:032x}" for number in range(jit.KEPT_FOLDERS)]
    for age, name in enumerate(names):
        jit.Folder(str(tmp_path), name).write("code", b"machine code")
        os.utime(above / name, (1_000_000 - age, 1_000_000 - age))
    (above / "notes").mkdir()  # no cache folder
    jit.Folder(str(tmp_path), "f" * 32)
    assert {path.name for path in above.iterdir()} == {*names[:-1], "f" * 32, "notes"}
    jit.Folder(str(tmp_path), names[0])  # found, not made
    assert len(list(above.iterdir())) == jit.KEPT_FOLDERS + 1
