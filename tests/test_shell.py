"""The shell scripts: set-up makes .venv/ once and repairs it; tests/run runs every step.

Most tests run the real scripts against played programs, so that they need no network; the last one
is the real thing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ["deploy/quickstart", "deploy/setup-venv", "tests/run", ".ci/run"]
PARTS = [
    "pyproject.toml",
    "requirements.lock",
    "README.md",
    "LICENSE",
    "sensor",
    "rules",
    "dashboards",
    "deploy",
    "tests/run",
    "tests/requirements.lock",
]
TOOLS = [
    "bash",
    "cat",
    "chmod",
    "dirname",
    "id",
    "mkdir",
    "mktemp",
    "rm",
    "sha256sum",
    "tail",
    "tee",
]

# Answers what set-up asks of a Python; environments it makes hold a pip that notes its installs.
PLAYED_PYTHON = r"""#!/bin/bash
if [[ $1 == -c ]]; then echo 3.13.0; exit; fi
venv=$3
mkdir -p "$venv/bin"
cat >"$venv/bin/pip" <<END
#!/bin/bash
case \$1 in
--version) echo "pip 25.0 from $venv/lib/python3.13/site-packages/pip (python 3.13)" ;;
check) test ! -e "$venv/package-lost" ;;
install) if [[ -n \${NO_NETWORK-} ]]; then echo "cannot reach the index" >&2; exit 1; fi ;;
esac
END
for name in sensor ruff mypy pytest coverage; do
    cat >"$venv/bin/$name" <<END
#!/bin/bash
echo "played $name: \$*"
if [[ $name == pytest ]]; then echo "3 passed in 0.01s"; fi
[[ " \${FAILING-} " != *" $name "* ]]
END
done
chmod +x "$venv/bin/"*
"""
BROKEN_SHIM = "#!/bin/bash\necho 'command not found' >&2\nexit 127\n"


class Machine:
    """A copy of the project and a PATH that holds the system's tools and chosen Pythons."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "a project"
        self.pythons = folder / "pythons"
        self.pythons.mkdir()
        self.project.mkdir()
        (self.project / "tests").mkdir()
        for part in PARTS:
            copy(ROOT / part, self.project / part)
        tools = folder / "tools"
        tools.mkdir()
        for tool in TOOLS:
            (tools / tool).symlink_to(shutil.which(tool) or tool)
        self.environment = {"PATH": f"{self.pythons}:{tools}", "HOME": str(folder)}

    def add_python(self, name: str, script: str) -> None:
        path = self.pythons / name
        path.write_text(script)
        path.chmod(0o755)

    def run(
        self, script: str, *arguments: str, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.project / script, *arguments],
            cwd=cwd or self.project.parent,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.add_python("python3.13", PLAYED_PYTHON)
    return made


@pytest.mark.parametrize("script", SCRIPTS)
def test_bash_can_read_it(script: str) -> None:
    read = subprocess.run(
        ["bash", "-n", ROOT / script], capture_output=True, text=True, check=False
    )
    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_can_be_called(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert (ROOT / script).read_text().startswith("#!/usr/bin/env bash\n")


def test_first_run_installs_and_second_does_not(machine: Machine) -> None:
    first = machine.run("deploy/quickstart")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.count("set-up: installing") == 1
    second = machine.run("deploy/quickstart")
    assert second.returncode == 0
    assert [line for line in second.stdout.splitlines() if line.startswith("set-up")] == [
        "set-up: .venv is ready"
    ]


def test_quickstart_replays_the_demo_and_says_how_to_go_on(machine: Machine) -> None:
    lines = machine.run("deploy/quickstart").stdout.splitlines()
    assert f"played sensor: replay {machine.project}/sensor/data/demo.pcap" in lines
    sensor = str(machine.project).replace(" ", "\\ ") + "/.venv/bin/sensor"
    assert [line.strip().removeprefix(sensor).split()[0] for line in lines[-3:]] == [
        "decode",
        "explain",
        "replay",
    ]


def test_a_changed_lock_is_installed_into_the_same_environment(machine: Machine) -> None:
    machine.run("deploy/setup-venv")
    with (machine.project / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    output = machine.run("deploy/setup-venv").stdout
    assert "installing requirements.lock" in output
    assert "making .venv" not in output


def test_a_damaged_environment_is_made_again(machine: Machine) -> None:
    machine.run("deploy/setup-venv")
    (machine.project / ".venv" / "package-lost").touch()
    assert "making .venv" in machine.run("deploy/setup-venv").stdout
    assert "making .venv" not in machine.run("deploy/setup-venv").stdout


def test_a_moved_environment_is_made_again(machine: Machine) -> None:
    machine.run("deploy/setup-venv")
    machine.project = machine.project.rename(machine.project.with_name("moved"))
    assert "making .venv" in machine.run("deploy/setup-venv").stdout


def test_an_interrupted_installation_is_completed(machine: Machine) -> None:
    assert machine.run("deploy/setup-venv", NO_NETWORK="1").returncode == 1
    done = machine.run("deploy/setup-venv")
    assert done.returncode == 0
    assert "installing requirements.lock" in done.stdout


def test_a_failing_download_is_reported_with_pips_own_words(machine: Machine) -> None:
    done = machine.run("deploy/quickstart", NO_NETWORK="1")
    assert done.returncode == 1
    assert "cannot reach the index" in done.stderr
    assert "Is there a network?" in done.stderr
    assert "played sensor" not in done.stdout


def test_a_shim_that_does_not_run_is_passed_over(machine: Machine) -> None:
    machine.add_python("python3.13", BROKEN_SHIM)
    machine.add_python("python3", PLAYED_PYTHON)
    done = machine.run("deploy/setup-venv")
    assert done.returncode == 0
    assert f"with {machine.pythons}/python3 " in done.stdout


def test_a_missing_python_is_named_with_what_installs_it(machine: Machine) -> None:
    machine.add_python("python3.13", BROKEN_SHIM)
    machine.add_python("apt-get", BROKEN_SHIM)
    done = machine.run("deploy/setup-venv")
    assert done.returncode == 1
    assert "no usable Python 3.11, 3.12 or 3.13" in done.stderr
    assert "sudo apt-get install python3.11 python3.11-venv" in done.stderr


def test_a_python_without_venv_is_told_apart(machine: Machine) -> None:
    no_venv = "#!/bin/bash\n[[ $2 != *ensurepip* ]] && echo 3.13\n"
    machine.add_python("python3.13", no_venv)
    machine.add_python("apt-get", BROKEN_SHIM)
    done = machine.run("deploy/setup-venv")
    assert done.returncode == 1
    assert "sudo apt-get install python3.13-venv" in done.stderr


def test_further_locks_are_installed_once(machine: Machine) -> None:
    lock = str(machine.project / "tests" / "requirements.lock")
    assert "installing tests/requirements.lock" in machine.run("deploy/setup-venv", lock).stdout
    assert "installing" not in machine.run("deploy/setup-venv", lock).stdout


def test_every_step_of_the_tests_runs_and_a_failing_one_is_named(machine: Machine) -> None:
    done = machine.run("tests/run", FAILING="ruff mypy")
    assert done.returncode == 1
    played = [line.split(":")[0] for line in done.stdout.splitlines() if "played" in line]
    assert played == [f"played {name}" for name in ["ruff", "ruff", "mypy", "pytest", "coverage"]]
    assert done.stdout.endswith(
        "\nFAILED: ruff check\nFAILED: ruff format\nFAILED: mypy\n3 passed in 0.01s\n"
    )


@pytest.mark.parametrize("failing", ["pytest", "coverage"])
def test_a_failing_test_or_gate_fails_the_run(failing: str, machine: Machine) -> None:
    assert machine.run("tests/run").returncode == 0
    assert machine.run("tests/run", FAILING=failing).returncode == 1


PROCESSES = "--numprocesses auto --dist loadfile --no-loadscope-reorder"


@pytest.mark.parametrize(
    ("arguments", "selection", "gate"),
    [
        ([], f"-m not long {PROCESSES} --cov --cov-report=term", True),
        (["--quick"], f"-m not slow and not long {PROCESSES}", False),
        (["--full"], f"{PROCESSES} --cov --cov-report=term", True),
        (["-k", "sensor"], "-m not long -k sensor", False),
        (["data"], "-m not long {project}/sensor/data", False),
        (["data/x.py::test", "-x"], "-m not long {project}/sensor/data/x.py::test -x", False),
    ],
)
def test_which_tests_run(
    arguments: list[str], selection: str, gate: bool, machine: Machine
) -> None:
    (machine.project / "sensor" / "data" / "x.py").touch()
    (machine.project / "sensor" / "sensor").touch()  # a word of -k is no path
    done = machine.run("tests/run", *arguments, cwd=machine.project / "sensor")
    expected = f"played pytest: --color=no {selection.format(project=machine.project)}"
    assert expected in done.stdout.splitlines()
    assert ("played coverage" in done.stdout) == gate


def test_a_missing_tool_is_named_and_fails_ci(machine: Machine) -> None:
    done = machine.run("tests/run")
    assert done.returncode == 0
    assert "sudo apt-get install tshark tcpdump" in done.stdout
    in_ci = machine.run("tests/run", CI="true")
    assert in_ci.returncode == 1
    assert "FAILED: tools" in in_ci.stdout


@pytest.mark.slow
def test_quickstart_from_nothing_on_this_machine(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.environment = dict(os.environ)
    first = machine.run("deploy/quickstart")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "set-up: installing requirements.lock" in first.stdout
    assert "EXPOSED" in first.stdout
    assert "installing" not in machine.run("deploy/quickstart").stdout
