"""What a user installs: the locks, the wheel, and the commands that come with it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sensor.data import resource
from sensor.errors import SensorError

ROOT = Path(__file__).resolve().parents[1]
LOCKS = [ROOT / "requirements.lock", ROOT / "tests" / "requirements.lock"]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: Path) -> dict[str, str]:
    """Name to version of everything a lock pins."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", lock.read_text(), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=~!\[; ]", line)[0].lower() for line in requirements}


def test_locks_hold_every_declared_dependency() -> None:
    declared, groups = project()["project"]["dependencies"], project()["dependency-groups"]
    base, dev = (pins(lock).keys() for lock in LOCKS)
    assert names(declared + groups["build"]) - base == set()
    assert names(groups["dev"]) - dev == set()


def test_the_build_backend_is_the_locked_one() -> None:
    requires = project()["build-system"]["requires"]
    assert requires == project()["dependency-groups"]["build"]
    assert requires == [f"hatchling=={pins(LOCKS[0])['hatchling']}"]


def test_locks_agree_where_they_overlap() -> None:
    base, dev = (pins(lock) for lock in LOCKS)
    assert {name: base[name] for name in base.keys() & dev} == {
        name: dev[name] for name in base.keys() & dev
    }


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_pin_has_hashes_and_none_names_a_registry(lock: Path) -> None:
    text = lock.read_text()
    assert len(re.findall(r"^[\w.-]+==.*\\\n +--hash=sha256:", text, re.MULTILINE)) == len(
        pins(lock)
    )
    assert "://" not in text
    assert "index-url" not in text.replace("--no-emit-index-url", "")
    assert re.match(r"# .*\n# +uv pip compile .* -o " + str(lock.relative_to(ROOT)), text)


@pytest.mark.parametrize("name", ["rules", "dashboards/README.md"])
def test_a_checkout_finds_what_it_keeps_at_its_top(name: str) -> None:
    assert resource(name) == ROOT / name


def test_a_missing_resource_is_named() -> None:
    with pytest.raises(SensorError, match=r"'no-such\.file' is missing"):
        resource("no-such.file")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that holds the locked dependencies and the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    commands = folder / "venv" / "bin"
    pip = (commands / "pip", "install", "--quiet", "--disable-pip-version-check")
    locked = ("--require-hashes", "--only-binary=:all:", "--requirement", LOCKS[0])
    run(*pip, *locked, cwd=folder)
    run(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
    return commands


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["rules", "dashboards", "sensor/data"])
def test_every_data_file_travels_in_the_wheel(folder: str, wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted = {
        path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts
    }
    if not folder.startswith("sensor/"):
        wanted = {f"sensor/data/{name}" for name in wanted}
    assert wanted
    assert wanted - held == set()


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_licence_alone(wheel: Path) -> None:
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in held} == {
        "sensor",
        f"{wheel.name.split('-py3')[0]}.dist-info",
    }
    assert any(name.endswith("licenses/LICENSE") for name in held)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["sensor", "v6tunnel"])
def test_an_installed_command_names_its_version(
    command: str, installed: Path, tmp_path: Path
) -> None:
    text = (ROOT / "sensor" / "__init__.py").read_text()
    (version,) = re.findall(r'__version__ = "(.+)"', text)
    assert run(installed / command, "--version", cwd=tmp_path).split()[-1] == version


@pytest.mark.slow
def test_an_installation_is_complete(installed: Path, tmp_path: Path) -> None:
    assert "No broken requirements" in run(installed / "pip", "check", cwd=tmp_path)


@pytest.mark.slow
def test_an_installation_finds_its_resources_inside_itself(installed: Path, tmp_path: Path) -> None:
    find = "from sensor.data import resource; print(resource('rules'))"
    found = Path(run(installed / "python", "-c", find, cwd=tmp_path).strip())
    assert found.parts[-4:] == ("site-packages", "sensor", "data", "rules")


@pytest.mark.slow
def test_an_installed_sensor_replays_its_own_demo(installed: Path, tmp_path: Path) -> None:
    find = "from sensor.data import resource; print(resource('demo.pcap'))"
    demo = run(installed / "python", "-c", find, cwd=tmp_path).strip()
    assert Path(demo).is_relative_to(installed.parent)
    assert "EXPOSED" in run(installed / "sensor", "replay", demo, cwd=tmp_path)
