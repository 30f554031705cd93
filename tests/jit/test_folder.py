"""Machine code is kept where nobody else may write, under a name that no change leaves as it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sensor.errors import ConfigError
from sensor.jit import folder as jit
from tests.jit.project import Project
from tests.test_architecture import PACKAGE, SOURCES, imported, module_name

NAME = "0" * 32


@pytest.mark.slow
def test_every_source_changes_the_digest(tmp_path: Path) -> None:
    """The real sources, one after the other, each with one octet changed in place."""
    project = Project(tmp_path)
    shutil.rmtree(project.folder / "sensor")
    no_cache = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, project.folder / "sensor", ignore=no_cache)
    program = """
from pathlib import Path
from sensor.jit import folder as jit
print(jit.digest())
for path in (Path(jit.__file__).parents[1] / name for name in sorted(jit.sources())):
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


@pytest.mark.slow
def test_the_digest_covers_whatever_compiled_modules_import() -> None:
    modules = {module_name(path): path for path in SOURCES}
    reached = {
        name
        for name, path in modules.items()
        if "sensor.jit.entry" in imported(path.read_text(), name)
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
    paths = {str(modules[name].relative_to(PACKAGE)) for name in reached - {"sensor"}}
    assert paths - jit.sources() == set()


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
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of a cache that was made before."""
    jit.Folder(str(tmp_path), NAME)
    return tmp_path / str(request.param)


def refusal(base: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        jit.Folder(str(base), NAME)
    return str(refused.value)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_is_refused(mode: int, place: Path, tmp_path: Path) -> None:
    place.chmod(mode)
    assert refusal(tmp_path) == (
        f"{place} may be written by others, and compiled code in it would be run: "
        "remove it, or set XDG_CACHE_HOME to a folder of your own"
    )


def test_a_folder_that_is_a_link_is_refused(place: Path, tmp_path: Path) -> None:
    place.rename(tmp_path / "real")
    place.symlink_to(tmp_path / "real")
    assert f"{place} is a symbolic link" in refusal(tmp_path)


def test_a_file_in_the_folders_place_is_refused(place: Path, tmp_path: Path) -> None:
    shutil.rmtree(place)
    place.touch()
    assert f"{place} is no folder" in refusal(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_someone_else_is_refused(place: Path, tmp_path: Path) -> None:
    os.chown(place, 65534, -1)
    assert f"{place} belongs to user 65534, not to user 0" in refusal(tmp_path)


def test_a_home_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "base").symlink_to("real")
    jit.Folder(str(tmp_path / "base"), NAME).write("code", b"machine code")
    assert (tmp_path / "real" / "v6tunnel-sensor" / NAME / "code").exists()


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


def test_code_for_one_processor_is_not_run_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for processor in (["flags: avx2"], ["flags: avx2 avx512f"], ["flags: avx2"]):
        monkeypatch.setattr(jit, "_processor", lambda found=processor: found)
        names.add(jit.digest())
    assert len(names) == 2


def test_the_processor_is_known_by_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert jit._processor() == jit._processor() != []
